import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from raycluster.errors import UserError
from raycluster.graph import GraphDegreeLinkage, default_n_neighbors


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return (data.data / 16).astype(np.float32), data.target


def nmi_geometric(labels, predicted):
    return normalized_mutual_info_score(labels, predicted, average_method="geometric")


def test_published_settings_on_digits(digits):
    images, labels = digits
    published = GraphDegreeLinkage(10, n_neighbors=20, affinity="global", join_pieces=False).fit(images)
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
    assert (model.tree_.cut(10) == model.labels_).all()


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


def test_more_clusters_than_samples_is_an_error():
    with pytest.raises(UserError, match="n_clusters=6 of 5 samples"):
        GraphDegreeLinkage(6).fit(np.random.default_rng(0).normal(size=(5, 2)))


@pytest.mark.parametrize(("n", "n_clusters", "expected"), [(9298, 10, 92), (70_000, 10, 100), (575, 20, 10)])
def test_default_neighbours_follow_the_cluster_size(n, n_clusters, expected):
    assert default_n_neighbors(n, n_clusters) == expected
