import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from raycluster.graph import GraphDegreeLinkage, default_n_neighbors, nearest_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.graph.stages.small_groups import find_small_groups


def points(*sizes, spread=10.0, dimensions=32, seed=0):
    """Return Gaussian groups of these sizes, and the group of every point."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    centers = rng.normal(0, spread, (len(sizes), dimensions))
    return (centers[group] + rng.normal(size=(len(group), dimensions))).astype(np.float32), group


def groups_of(features):
    return find_small_groups(*nearest_neighbors(features, default_n_neighbors(len(features))))


def column(*values):
    return np.array(values, np.float32)[:, None]


def test_groups_on_a_line_by_hand():
    # Steps of 1 inside, 7 and 6 around the three groups, which have at most K_s = 4 rows.
    features = column(0, 1, 2, 9, 10, 11, 12, 18, 19, 20)
    found = find_small_groups(*nearest_neighbors(features, 4))
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert found.n_groups == 3
    ids, _ = nearest_neighbors(features, 4)
    is_inside = found.labels[ids] == found.labels[:, None]
    assert ((found.weights > 0) == is_inside).all()
    assert is_inside.sum(axis=1).tolist() == [2, 2, 2, 3, 3, 3, 3, 2, 2, 2]
    isolated = found.isolate(ids, np.ones(ids.shape, np.float32))
    assert ((isolated > 0) == is_inside).all()


def test_a_row_between_groups_is_in_none():
    found = find_small_groups(*nearest_neighbors(column(0, 1, 2, 3, 23, 43, 44, 45, 46), 4))
    assert found.labels.tolist() == [0, 0, 0, 0, -1, 1, 1, 1, 1]


def test_groups_need_a_gap_of_twice_the_longest_step():
    near, far = (column(*np.add.outer(np.arange(5) * step, np.arange(4)).ravel()) for step in (4.9, 5.1))
    assert find_small_groups(*nearest_neighbors(near, 5)) is None
    assert find_small_groups(*nearest_neighbors(far, 5)).n_groups == 5


def test_of_groups_within_groups_the_clearest_count():
    # Pairs of triples: in the first set the triples stand out, in the second the pairs of them.
    triples = column(0, 1, 2, 12, 13, 14, 100, 101, 102, 112, 113, 114, 200, 201, 202, 212, 213, 214)
    pairs = column(0, 1, 2, 4.1, 5.1, 6.1, 100, 101, 102, 104.1, 105.1, 106.1, 200, 201, 202, 204.1, 205.1, 206.1)
    assert find_small_groups(*nearest_neighbors(triples, 7)).n_groups == 6
    assert find_small_groups(*nearest_neighbors(pairs, 7)).n_groups == 3


@pytest.mark.parametrize("dimensions", [2, 10, 100])
def test_noise_and_large_clusters_have_none(dimensions):
    assert groups_of(points(300, dimensions=dimensions)[0]) is None
    assert groups_of(points(60, 60, 60, 5, 3, dimensions=dimensions)[0]) is None


@pytest.mark.parametrize("seed", range(5))
def test_three_groups_of_seven_are_found(seed):
    features, group = points(7, 7, 7, seed=seed)
    model = GraphDegreeLinkage(3).fit(features)
    assert adjusted_rand_score(group, model.labels_) == 1
    auto = GraphDegreeLinkage("auto").fit(features)
    assert auto.n_clusters_ == 3
    assert auto.ranking_.clearness > 0.9


def test_hundred_and_twenty_groups_of_eight_are_counted():
    model = GraphDegreeLinkage("auto").fit(points(*[8] * 120)[0])
    assert model.n_clusters_ == 120


@pytest.mark.filterwarnings("ignore:.*too few to tell:UserWarning")
@pytest.mark.parametrize("sizes", [(3, 3), (3, 4, 5), (3, 3, 3, 3), (10, 10, 10), (15, 7, 7), (8, 8, 8, 6)])
def test_handfuls_of_clear_groups_are_counted(sizes):
    features, group = points(*sizes)
    model = GraphDegreeLinkage("auto").fit(features)
    assert model.n_clusters_ == len(sizes)
    assert adjusted_rand_score(group, model.labels_) == 1


def test_noise_around_groups_takes_no_place():
    features, group = points(*[8] * 30)
    features = np.concatenate([features, np.random.default_rng(1).uniform(-25, 25, (10, 32)).astype(np.float32)])
    model = GraphDegreeLinkage("auto").fit(features)
    assert model.n_clusters_ == 30
    assert adjusted_rand_score(group, model.labels_[: len(group)]) == 1


def test_a_chosen_number_of_neighbors_is_kept():
    features, _ = points(7, 7, 7)
    graph = nearest_neighbors(features, 10)
    assert GraphSettings(n_neighbors=10).build_tree(*graph, features)[2] is None
    assert GraphSettings().build_tree(*graph, features)[2].n_groups == 3


def test_fewer_clusters_than_groups_follow_the_whole_graph():
    # Ten clusters of 40 triples each: triples first, then what the graph of all edges says.
    rng = np.random.default_rng(0)
    centers = np.repeat(rng.normal(0, 10, (10, 32)), 40, axis=0) + rng.normal(size=(400, 32))
    features = (np.repeat(centers, 3, axis=0) + 0.01 * rng.normal(size=(1200, 32))).astype(np.float32)
    model = GraphDegreeLinkage("auto").fit(features)
    assert model.n_clusters_ == 400
    assert 10 in model.ranking_.alternatives
    assert adjusted_rand_score(np.repeat(np.arange(10), 120), model.tree_.cut(10)) == 1


def test_groups_of_half_a_neighbor_list_are_whole_before_others_merge():
    features, group = points(*[5] * 50, dimensions=10)
    model = GraphDegreeLinkage("auto").fit(features)
    assert model.n_clusters_ == 50
    assert adjusted_rand_score(group, model.labels_) == 1


def test_a_distant_group_is_not_joined_as_a_small_component_but_a_pair_is():
    features, group = points(3, 9, 9, 9)
    features[:3] += 300  # no other row has them in its list
    features = np.concatenate([features, [np.full(32, -300, np.float32), np.full(32, -301, np.float32)]])
    labels = GraphDegreeLinkage(4).fit_predict(features)
    assert adjusted_rand_score(group, labels[:-2]) == 1
