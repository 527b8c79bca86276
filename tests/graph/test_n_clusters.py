import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import normalized_mutual_info_score, silhouette_score

from raycluster.errors import UserError
from raycluster.graph import default_n_neighbors, first_clusters, link, nearest_neighbors, sample_affinity
from raycluster.graph.n_clusters import PRICE, rank_n_clusters
from raycluster.graph.settings import GraphSettings

DIGITS = load_digits()


def digits():
    pixels = (DIGITS.data / 16).astype(np.float32)
    return pixels / np.maximum(1, np.linalg.norm(pixels, axis=1, keepdims=True))


def blobs(n_clusters, rows=100, std=1.0):
    return make_blobs(rows * n_clusters, 10, centers=n_clusters, cluster_std=std, random_state=0)[0].astype(np.float32)


def graph_of(features, n_neighbors=None, local_structure=1.0, keep_edges=1.0):
    ids, distances = nearest_neighbors(features, n_neighbors or default_n_neighbors(len(features)))
    weights = sample_affinity(distances, kind="local")
    weights[np.random.default_rng(0).random(weights.shape) > keep_edges] = 0
    return link(ids, weights, first_clusters(ids), local_structure=local_structure, features=features), ids, weights


def small_changes(features):
    """Choose K with the defaults, and with every setting changed a little."""
    k = default_n_neighbors(len(features))
    rng = np.random.default_rng(1)
    graphs = [graph_of(features, round(k * factor)) for factor in (1.0, 0.9, 1.1)]
    graphs += [graph_of(features, local_structure=value) for value in (0.5, 2.0)]
    graphs += [graph_of(features[rng.random(len(features)) > 0.02]) for _ in range(3)]
    graphs += [graph_of(features, keep_edges=0.95)]
    return [rank_n_clusters(*graph).chosen for graph in graphs]


# Two triangles, joined by the edge 2 → 3. The tree: 0+1, 3+4, (01)+2, (34)+5, all.
TRIANGLE_IDS = np.array([[1, 2], [0, 2], [0, 3], [4, 5], [3, 5], [3, 4]], np.int32)
TRIANGLE_WEIGHTS = np.array([[1, 1], [1, 1], [1, 0.5], [1, 1], [1, 1], [1, 1]], np.float32)


def triangles():
    tree = link(TRIANGLE_IDS, TRIANGLE_WEIGHTS, np.array([0, 0, 0, 1, 1, 1]))
    return tree, TRIANGLE_IDS, TRIANGLE_WEIGHTS


def test_score_of_two_triangles_by_hand():
    answer = rank_n_clusters(*triangles(), min_clusters=1, max_clusters=2)
    # Weight 11.5 in all; ends of edges: 2·5 + 0.5 = 10.5 of 23 in the first triangle, 12.5 in the second.
    separation = 1 - (10.5 / 23) ** 1.5 - (12.5 / 23) ** 1.5
    assert answer.tried.tolist() == [1, 2]
    assert answer.scores == pytest.approx([0, PRICE * separation - 0.5 / 11.5])
    assert answer.chosen == 2
    assert answer.clearness == pytest.approx(1 - 0.5 / 11.5 / (PRICE * separation))
    assert answer.ranked[0].lowest_price == pytest.approx(0.5 / 11.5 / separation)
    assert answer.ranked[0].highest_price == np.inf


def test_scores_equal_those_counted_cut_by_cut():
    tree, ids, weights = graph_of(digits()[:300])
    answer = rank_n_clusters(tree, ids, weights, max_clusters=60)
    for k, score in zip(answer.tried, answer.scores, strict=True):
        labels = tree.cut(int(k))
        ends = np.zeros(k)
        np.add.at(ends, np.repeat(labels, ids.shape[1]), weights.ravel().astype(float))
        np.add.at(ends, labels[ids].ravel(), weights.ravel().astype(float))
        cut = weights[labels[ids] != labels[:, None]].sum(dtype=float) / weights.sum(dtype=float)
        assert score == pytest.approx(PRICE * (1 - ((ends / ends.sum()) ** 1.5).sum()) - cut, abs=1e-9)


def test_the_ranked_numbers_are_the_best_at_prices_around_the_usual_one():
    tree, ids, weights = graph_of(digits())
    answer = rank_n_clusters(tree, ids, weights)
    assert answer.chosen == answer.tried[answer.scores.argmax()] == answer.ranked[0].n_clusters
    separation = np.array([_separation(tree, ids, weights, int(k)) for k in answer.tried[:60]])
    cut = PRICE * separation - answer.scores[:60]
    expected = {int(answer.tried[(price * separation - cut).argmax()]) for price in np.geomspace(0.301, 1.199, 400)}
    assert expected <= {candidate.n_clusters for candidate in answer.ranked}
    for candidate in answer.ranked:
        price = np.sqrt(max(candidate.lowest_price, 0.01) * candidate.highest_price)
        assert answer.tried[(price * separation - cut).argmax()] == candidate.n_clusters
    change = [max(c.lowest_price / PRICE, PRICE / c.highest_price, 1) for c in answer.ranked]
    assert change == sorted(change)
    assert change[-1] <= 2


def _separation(tree, ids, weights, k):
    labels = tree.cut(k)
    ends = np.bincount(np.repeat(labels, ids.shape[1]), weights.ravel(), k) + np.bincount(
        labels[ids].ravel(), weights.ravel(), k
    )
    return 1 - ((ends / ends.sum()) ** 1.5).sum()


@pytest.mark.parametrize("n_clusters", [2, 5, 53])
def test_separate_blobs_are_counted_at_any_price(n_clusters):
    answer = rank_n_clusters(*graph_of(blobs(n_clusters)))
    assert answer.chosen == n_clusters
    assert answer.clearness > 0.95
    assert answer.ranked[0].lowest_price < 0.05
    assert answer.ranked[0].highest_price > 1


def test_clusters_of_very_different_sizes_are_counted():
    sizes = [20, 40, 80, 160, 320, 640, 1280]
    features = make_blobs(sizes, 10, cluster_std=1.0, random_state=0)[0].astype(np.float32)
    assert rank_n_clusters(*graph_of(features)).chosen == len(sizes)


@pytest.mark.parametrize(("few", "n_clusters"), [(7, 2), (8, 3)])
def test_a_few_rows_attached_to_a_cluster_are_not_a_cluster(few, n_clusters):
    # Two rings of 30 rows, each row with its 10 nearest, and a clique of a few rows attached to the first ring.
    around = np.array([*range(-5, 0), *range(1, 6)])
    ring = (np.arange(30)[:, None] + around) % 30
    clique = np.array([[j for j in range(few) if j != i] for i in range(few)])
    attached = np.concatenate([60 + clique, np.tile(np.arange(11 - few), (few, 1))], axis=1)
    ids = np.concatenate([ring, 30 + ring, attached]).astype(np.int32)
    ids[:few, -1] = 60 + np.arange(few)
    weights = np.where((ids < 30) == (np.arange(len(ids)) < 30)[:, None], 1, 0.01).astype(np.float32)
    tree = link(ids, weights, np.r_[np.zeros(30, int), np.ones(30, int), np.full(few, 2)])
    assert sorted(np.bincount(tree.cut(2))) == [30, 30 + few]
    answer = rank_n_clusters(tree, ids, weights, max_clusters=3)
    assert answer.chosen == n_clusters
    assert answer.tried.tolist() == list(range(2, n_clusters + 1))


def test_digits_at_the_chosen_number_are_as_good_as_at_ten():
    tree, ids, weights = graph_of(digits())
    answer = rank_n_clusters(tree, ids, weights)
    assert 10 <= answer.chosen <= 15  # some digits are written in two ways
    chosen, ten = (
        normalized_mutual_info_score(DIGITS.target, tree.cut(k), average_method="geometric")
        for k in (answer.chosen, 10)
    )
    assert chosen > ten - 0.01


@pytest.mark.parametrize(("features", "within"), [(blobs(53, 50), 1), (blobs(10, 300, std=4.0), 1.2), (digits(), 1.3)])
def test_a_small_change_of_a_setting_does_not_change_the_number_much(features, within):
    chosen = small_changes(features)
    assert max(chosen) <= within * min(chosen), chosen


def test_noise_has_no_clear_clusters():
    noise = np.random.default_rng(0).normal(size=(1000, 50)).astype(np.float32)
    answer = rank_n_clusters(*graph_of(noise))
    assert answer.clearness == 0
    assert rank_n_clusters(*graph_of(noise), min_clusters=1).chosen == 1


def test_the_limits_are_respected():
    graph = graph_of(blobs(20))
    assert rank_n_clusters(*graph, max_clusters=15).chosen <= 15
    assert rank_n_clusters(*graph, min_clusters=25).chosen >= 25
    answer = rank_n_clusters(*graph, min_clusters=7, max_clusters=7)
    assert (answer.chosen, len(answer.ranked)) == (7, 1)
    most = 2000 // graph[1].shape[1]
    assert most - 5 < rank_n_clusters(*graph).tried[-1] <= most


def test_a_tree_with_several_roots_is_cut_no_higher():
    features = blobs(6)
    _, ids, weights = graph_of(features)
    tree = link(ids, weights, first_clusters(ids), n_clusters=9, features=features)
    answer = rank_n_clusters(tree, ids, weights)
    assert answer.tried[0] == 9
    assert answer.chosen == 9


def test_errors_say_what_to_do():
    tree, ids, weights = graph_of(blobs(3))
    with pytest.raises(UserError, match="pass the graph that the tree was made from"):
        rank_n_clusters(tree, ids[:-1], weights[:-1])
    with pytest.raises(UserError, match="choose 1 to 300, the smaller one first"):
        rank_n_clusters(tree, ids, weights, min_clusters=5, max_clusters=4)
    with pytest.raises(UserError, match="max_clusters=301"):
        rank_n_clusters(tree, ids, weights, max_clusters=301)
    with pytest.raises(UserError, match="No edge"):
        rank_n_clusters(tree, ids, np.zeros_like(weights))


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_a_handful_of_rows_has_a_result(n):
    features = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    answer = rank_n_clusters(*graph_of(features))
    assert 2 <= answer.chosen <= n


def test_exact_duplicates_have_a_result():
    features = np.repeat(np.eye(4, dtype=np.float32), 30, axis=0)
    answer = rank_n_clusters(*graph_of(features))
    assert answer.chosen == 4
    assert answer.clearness == 1


@pytest.mark.parametrize(("n", "dimensions"), [(30, 10), (300, 10), (3000, 50)])
def test_one_blob_is_told_to_have_no_clear_clusters(n, dimensions):
    noise = np.random.default_rng(0).normal(size=(n, dimensions)).astype(np.float32)
    remarks = rank_n_clusters(*graph_of(noise)).remarks
    assert remarks[0].startswith(f"no clear clusters: the graph of these {n} rows")


def test_too_few_rows_to_tell_are_told_and_clear_clusters_need_no_remark():
    assert "29 rows with 10 neighbors each are too few to tell" in rank_n_clusters(*graph_of(blobs(1, 29))).remarks[-1]
    assert rank_n_clusters(*graph_of(blobs(5))).remarks == ()
    for step, told in ((3, 1), (9, 0)):  # of three groups on a line, with steps of 1 inside
        features = np.add.outer([0, step + 3, 2 * step + 6], np.arange(4)).reshape(-1, 1).astype(np.float32)
        ids, distances = nearest_neighbors(features, 10)
        tree, weights, groups = GraphSettings().build_tree(ids, distances, features)
        answer = rank_n_clusters(tree, ids, weights, groups=groups)
        assert answer.chosen == 3
        assert len(answer.remarks) == told


def test_each_rule_suggests_what_it_finds_best():
    """Modularity, lifetime, gap and silhouette, each worked out from the cuts themselves."""
    tree, ids, weights = graph_of(digits())
    answer = rank_n_clusters(tree, ids, weights, features=digits())
    best = {reason: one.n_clusters for one in answer.suggestions for reason in one.reasons}
    tried = answer.tried[answer.tried <= 4 * answer.chosen]
    cuts = [tree.cut(int(k)) for k in tried]
    shares = [np.bincount(labels[ids].ravel(), weights.ravel()) for labels in cuts]
    shares = [
        ends + np.bincount(labels, weights.sum(axis=1)) for ends, labels in zip(shares, cuts, strict=True)
    ]  # of edge ends
    modularity = [1 - c - ((s / s.sum()) ** 2).sum() for s, c in zip(shares, answer.cuts[: len(tried)], strict=True)]
    assert best["highest modularity"] == tried[np.argmax(modularity)]
    silhouette = [silhouette_score(digits(), labels, metric="sqeuclidean") for labels in cuts]
    assert best["highest silhouette on a sample"] == tried[np.argmax(silhouette)]
    gap = [tree.heights[len(ids) - k] - tree.heights[len(ids) - k - 1] for k in tried]
    assert best["largest gap in affinity"] == tried[np.argmax(gap)]
    separation = (answer.scores + answer.cuts) / PRICE
    prices = np.geomspace(PRICE / 10, PRICE * 10, 2000)
    wins = answer.tried[(prices[:, None] * separation - answer.cuts).argmax(axis=1)]
    lives = np.bincount(wins[wins <= tried[-1]])
    assert best["longest-lived cut of the tree"] == lives.argmax()


def test_ten_digits_are_among_the_suggestions_and_a_clear_answer_stands_nearly_alone():
    tree, ids, weights = graph_of(digits())
    assert 10 in rank_n_clusters(tree, ids, weights, features=digits()).alternatives
    features = blobs(5)
    answer = rank_n_clusters(*graph_of(features), features=features)
    assert answer.suggestions[0].n_clusters == 5
    assert len(answer.suggestions[0].reasons) == 5  # all rules agree
    assert len(answer.alternatives) <= 1


def test_without_features_silhouettes_suggest_nothing():
    answer = rank_n_clusters(*graph_of(digits()))
    assert not any("silhouette" in reason for one in answer.suggestions for reason in one.reasons)
    assert answer.alternatives
