import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import KNeighborsTransformer, kneighbors_graph, radius_neighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.utils.estimator_checks import parametrize_with_checks

from raycluster.errors import UserError
from raycluster.graph import GraphDegreeLinkage, nearest_neighbors
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.search import Search
from raycluster.graph.settings import GraphSettings
from raycluster.metrics.quality import clustering_quality


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return (data.data / 16).astype(np.float32), data.target


def nmi_geometric(labels, predicted):
    return normalized_mutual_info_score(labels, predicted, average_method="geometric")


def test_published_settings_on_digits(digits):
    images, labels = digits
    published = GraphDegreeLinkage(
        10, n_neighbors=20, affinity="global", join_small_components=False, join_small_clusters=False
    ).fit(images)
    assert nmi_geometric(labels, published.labels_) == pytest.approx(0.896, abs=0.002)


def test_default_settings_on_digits(digits):
    images, labels = digits
    assert nmi_geometric(labels, GraphDegreeLinkage(10).fit_predict(images)) > 0.88


def test_fitted_attributes_describe_the_whole_tree(digits):
    images, _ = digits
    model = GraphDegreeLinkage(10).fit(images)
    assert model.labels_.shape == (1797,)
    assert model.labels_.dtype == np.int32
    assert model.children_.shape == (1796, 2)
    assert model.affinities_.shape == (1796,)
    assert model.n_leaves_ == 1797
    assert model.n_features_in_ == 64
    assert model.n_connected_components_ == 1
    assert model.search_ == Search("exact")
    assert (model.tree_.partition(10, images).labels == model.labels_).all()


def expected_failed_checks(model):
    if model.metric == "cosine":
        return {"check_estimators_dtypes": "its data has a row of zeros, which has no direction"}
    return {}


@pytest.mark.filterwarnings("ignore:.*(no clear clusters|too few to tell):UserWarning")
@parametrize_with_checks(
    [GraphDegreeLinkage(), GraphDegreeLinkage("auto"), GraphDegreeLinkage(metric="cosine")],
    expected_failed_checks=expected_failed_checks,
)
def test_the_estimator_does_what_scikit_learn_expects(estimator, check):
    check(estimator)


def test_fits_in_a_pipeline_and_clones(digits):
    images, _ = digits
    model = GraphDegreeLinkage(n_clusters=3, n_neighbors=12, local_structure=0.5)
    assert clone(model).get_params() == model.get_params()
    labels = make_pipeline(StandardScaler(), clone(model)).fit_predict(images[:200])
    assert set(labels) == {0, 1, 2}


def test_the_answer_is_the_same_every_time(digits):
    images, _ = digits
    first, second = (GraphDegreeLinkage(10).fit(images[:500]) for _ in range(2))
    assert (first.children_ == second.children_).all()
    assert (first.affinities_ == second.affinities_).all()


def test_double_precision_lists_and_other_memory_orders_are_accepted(digits):
    images, _ = digits
    expected = GraphDegreeLinkage(3).fit_predict(images[:60])
    for same in (images[:60].astype(np.float64), images[:60].tolist(), np.asfortranarray(images[:60])):
        assert adjusted_rand_score(GraphDegreeLinkage(3).fit_predict(same), expected) == 1


def test_auto_chooses_as_the_jobs_do_and_keeps_the_ranking(digits):
    images, labels = digits
    images = normalize(images)  # as the jobs scale pixels; no digit is shorter than 1
    model = GraphDegreeLinkage("auto").fit(images)
    jobs = GraphSettings()
    ids, distances = nearest_neighbors(images, jobs.neighbors_of(len(images)))
    tree, weights, _ = jobs.build_tree(ids, distances, images)
    expected = rank_n_clusters(tree, ids, weights, features=images)
    assert model.n_clusters_ == model.labels_.max() + 1 == expected.chosen == 14
    assert (model.labels_ == tree.cut(14)).all()
    assert model.ranking_.ranked == expected.ranked
    assert model.ranking_.suggestions == expected.suggestions
    assert model.ranking_.alternatives[:2] == [10, 12]
    assert (model.predict(images) == model.labels_).all()
    assert nmi_geometric(labels, model.labels_) > 0.91


def test_a_given_number_of_clusters_is_kept_and_nothing_ranked(digits):
    images, _ = digits
    model = GraphDegreeLinkage(3).fit(images[:60])
    assert model.n_clusters_ == 3
    assert model.ranking_ is None


def test_auto_counts_the_clusters_of_a_precomputed_graph_with_rows_of_many_neighbors():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(60, 2)) + center for center in ([0, 0], [30, 0], [0, 30], [30, 30])])
    graph = radius_neighbors_graph(points, 2.0, mode="distance").tolil()
    graph[0] = np.linalg.norm(points - points[0], axis=1)
    model = GraphDegreeLinkage("auto", metric="precomputed").fit(graph)
    assert model.n_clusters_ == 4
    assert model.ranking_.clearness > 0.9


@pytest.mark.parametrize("wrong", [6, 0, 2.5, "many"])
def test_impossible_numbers_of_clusters_are_errors(wrong):
    with pytest.raises(
        UserError, match=f"n_clusters={wrong!r} of 5 samples: choose a whole number from 1 to 5, or 'auto'"
    ):
        GraphDegreeLinkage(wrong).fit(np.random.default_rng(0).normal(size=(5, 2)))


def test_the_rows_of_the_fit_are_predicted_as_they_were_clustered(digits):
    images, _ = digits
    model = GraphDegreeLinkage(10).fit(images)
    assert (model.predict(images) == model.labels_).all()
    # Even by the others alone, because the first step joins every row to its nearest neighbor.
    assert (model.labels_[nearest_neighbors(images, 1)[0][:, 0]] == model.labels_).all()


def test_new_points_are_predicted_as_a_clustering_of_all_puts_them(digits):
    images, labels = digits
    together = GraphDegreeLinkage(10).fit_predict(images)
    order = np.random.default_rng(0).permutation(len(images))
    new, old = order[:360], order[360:]
    model = GraphDegreeLinkage(10).fit(images[old])
    predicted = model.predict(images[new])
    assert predicted.dtype == np.int32
    # The two clusterings also differ on the old points: new points cannot agree more.
    agreement = [
        clustering_quality(together[rows], found)["acc"] for rows, found in ((old, model.labels_), (new, predicted))
    ]
    assert agreement[1] == pytest.approx(agreement[0], abs=0.02)
    accuracy = [
        clustering_quality(labels[rows], found)["acc"] for rows, found in ((old, model.labels_), (new, predicted))
    ]
    assert accuracy[1] == pytest.approx(accuracy[0], abs=0.02)


def test_cosine_ignores_the_length_of_rows(digits):
    images, _ = digits
    images = images[:300] * np.random.default_rng(0).uniform(0.1, 10, (300, 1))
    model = GraphDegreeLinkage(5, metric="cosine").fit(images)
    assert (model.labels_ == GraphDegreeLinkage(5).fit_predict(normalize(images))).all()
    assert (model.predict(3 * images) == model.labels_).all()
    assert adjusted_rand_score(model.labels_, GraphDegreeLinkage(5).fit_predict(images)) < 0.9
    images[7] = 0
    with pytest.raises(UserError, match=r"^1 of 300 rows are all 0"):
        model.fit(images)


def test_a_precomputed_graph_gives_the_same_clusters(digits):
    images, _ = digits
    images = images[:600] + 1e-3 * np.random.default_rng(0).normal(size=(600, 64))  # no two distances are equal
    expected = GraphDegreeLinkage(10, n_neighbors=12).fit(images)
    graph = kneighbors_graph(images, 12, mode="distance")
    for n_neighbors in ("auto", 12):
        model = GraphDegreeLinkage(10, n_neighbors=n_neighbors, metric="precomputed").fit(graph)
        assert (model.labels_ == expected.labels_).all()
        np.testing.assert_allclose(model.affinities_, expected.affinities_, rtol=1e-4)
        assert model.n_features_in_ == 600
    # Without features, small clusters join others than those with the nearest centroids.
    fewer = GraphDegreeLinkage(10, n_neighbors=8, join_small_clusters=False)
    expected = fewer.fit_predict(images)
    assert (fewer.set_params(metric="precomputed").fit_predict(graph) == expected).all()


def test_a_precomputed_graph_works_in_a_pipeline_and_predicts(digits):
    images, _ = digits
    transformer = KNeighborsTransformer(mode="distance", n_neighbors=12)
    model = make_pipeline(transformer, GraphDegreeLinkage(10, metric="precomputed")).fit(images[:600])
    expected = GraphDegreeLinkage(10, n_neighbors=12).fit(images[:600])
    assert (model[-1].labels_ == expected.labels_).all()
    assert (model.predict(images[600:800]) == expected.predict(images[600:800])).all()


def test_rows_of_a_graph_may_have_different_numbers_of_neighbors():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(60, 2)), rng.normal(size=(30, 2)) + 12, [[50, 50]]])
    graph = radius_neighbors_graph(points, 2.5, mode="distance")
    degrees = np.diff(graph.indptr)
    assert degrees.min() == 0
    assert degrees.max() > 20
    model = GraphDegreeLinkage(3, metric="precomputed").fit(graph)
    assert model.n_connected_components_ == 3
    assert sorted(np.bincount(model.labels_)) == [1, 30, 60]


def test_connected_components_are_counted():
    points = np.repeat([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]], 20, axis=0)
    points += np.random.default_rng(0).normal(size=points.shape)
    assert GraphDegreeLinkage(2, n_neighbors=5).fit(points).n_connected_components_ == 3


def test_unknown_metrics_are_named(digits):
    images, _ = digits
    with pytest.raises(UserError, match="metric='manhattan': choose"):
        GraphDegreeLinkage(metric="manhattan").fit(images)
    with pytest.raises(UserError, match="takes a sparse matrix"):
        GraphDegreeLinkage(metric="precomputed").fit(images)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "few"])
def test_impossible_numbers_of_neighbors_are_errors(wrong):
    with pytest.raises(UserError, match=f"n_neighbors={wrong!r}: choose a whole number"):
        GraphDegreeLinkage(2, n_neighbors=wrong, metric="precomputed").fit(csr_matrix(np.ones((5, 5))))


def test_one_row_of_many_neighbors_changes_little():
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [6, 0], [40, 0], [46, 0], [0, 40], [6, 40]])
    points = np.concatenate([rng.normal(size=(30, 2)) + center for center in centers])
    blob = np.repeat(np.arange(6), 30)
    graph = radius_neighbors_graph(points, 3.5, mode="distance").tolil()
    graph[0] = np.linalg.norm(points - points[0], axis=1)
    model = GraphDegreeLinkage(6, metric="precomputed").fit(graph)
    assert adjusted_rand_score(blob, model.labels_) > 0.9
    assert np.isfinite(model.affinities_[-6:]).all()


def test_more_neighbors_than_rows_are_told(digits):
    images, _ = digits
    with pytest.warns(UserWarning, match="n_neighbors=60, but each of the 60 rows has only 59 others"):
        GraphDegreeLinkage(3, n_neighbors=60).fit(images[:60])
    with warnings.catch_warnings(action="error"):
        GraphDegreeLinkage(3, n_neighbors=59).fit(images[:60])
        GraphDegreeLinkage(2).fit(images[:5])


def test_noise_is_told_to_have_no_clear_clusters():
    with pytest.warns(UserWarning, match="no clear clusters"):
        GraphDegreeLinkage("auto").fit(np.random.default_rng(0).normal(size=(300, 32)))
