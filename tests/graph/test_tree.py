import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_monotonic, is_valid_linkage
from sklearn.datasets import load_digits

from raycluster.errors import UserError
from raycluster.graph import GraphDegreeLinkage
from raycluster.graph.tree import MergeTree


@pytest.fixture
def tree():
    # {1,3}, then {0,2}, then {1,3,4}, then all
    return MergeTree.from_joins(5, np.array([1, 0, 1, 0]), np.array([3, 2, 4, 1]), np.array([np.inf, 3.0, 2.0, 0.0]))


def test_merge_i_makes_node_n_plus_i(tree):
    assert tree.children.tolist() == [[1, 3], [0, 2], [5, 4], [6, 7]]
    assert tree.size.tolist() == [2, 2, 3, 5]
    assert tree.n_roots == 1


@pytest.mark.parametrize(
    ("n_clusters", "labels"),
    [(5, [0, 1, 2, 3, 4]), (4, [0, 1, 2, 1, 3]), (3, [0, 1, 0, 1, 2]), (2, [0, 1, 0, 1, 1]), (1, [0, 0, 0, 0, 0])],
)
def test_cut_gives_the_labels_of_that_moment_numbered_by_smallest_row(tree, n_clusters, labels):
    assert tree.cut(n_clusters).tolist() == labels
    assert tree.cut(n_clusters).dtype == np.int32


def test_a_cut_that_the_tree_does_not_have_is_an_error(tree):
    with pytest.raises(UserError, match="choose 1 to 5"):
        tree.cut(6)
    with pytest.raises(UserError, match="n_clusters=0"):
        tree.cut(0)
    with pytest.raises(UserError, match=r"n_clusters=2\.5"):
        tree.cut(2.5)
    stopped = MergeTree.from_joins(5, np.array([1, 0]), np.array([3, 2]), np.zeros(2))
    assert stopped.n_roots == 3
    with pytest.raises(UserError, match="has 3 roots: choose 3 to 5"):
        stopped.cut(2)


def test_cut_at_an_affinity_stops_before_the_first_lower_merge(tree):
    assert tree.cut(min_affinity=2.5).tolist() == tree.cut(3).tolist()
    assert tree.cut(min_affinity=2.0).tolist() == tree.cut(2).tolist()
    assert tree.cut(min_affinity=9.0).tolist() == tree.cut(4).tolist()
    low_first = MergeTree.from_joins(4, np.array([0, 2, 0]), np.array([1, 3, 2]), np.array([1.0, 2.0, 0.5]))
    assert low_first.cut(min_affinity=1.5).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("low", [0.0, -1.0, float("nan")])
def test_the_affinity_to_cut_at_must_be_above_0(tree, low):
    with pytest.raises(UserError, match="choose a number above 0"):
        tree.cut(min_affinity=low)


@pytest.mark.parametrize("how", [{}, {"n_clusters": 2, "min_affinity": 1.0}])
def test_a_cut_needs_exactly_one_argument(tree, how):
    with pytest.raises(UserError, match="one of the two"):
        tree.cut(**how)


def test_paths_lead_to_the_root(tree):
    assert tree.parent.tolist() == [6, 5, 6, 5, 7, 7, 8, 8, -1]
    assert tree.path_to_root(3).tolist() == [3, 5, 7, 8]
    assert tree.path_to_root(6).tolist() == [6, 8]
    with pytest.raises(UserError, match="nodes 0 to 8"):
        tree.path_to_root(9)


def test_heights_follow_the_lowest_affinity_so_far():
    affinity = np.array([np.inf, 4.0, 8.0, 2.0, 0.0])
    tree = MergeTree.from_joins(6, np.arange(5)[::-1], np.arange(1, 6)[::-1], affinity)
    expected = [0, 1 + np.log(2), 1 + np.log(2), 1 + np.log(4), 2 + np.log(4)]
    np.testing.assert_allclose(tree.heights, expected, rtol=1e-12)
    assert (np.diff(tree.heights) > 0).all()


def test_scipy_draws_and_cuts_the_same_tree():
    features = load_digits().data.astype(np.float32)[:500]
    tree = GraphDegreeLinkage(10).fit(features).tree_
    linkage = tree.to_scipy()
    assert is_valid_linkage(linkage)
    assert is_monotonic(linkage)
    for n_clusters in (1, 2, 7, 10, 60, 500):
        labels = fcluster(linkage, n_clusters, "maxclust")
        assert len({*zip(labels, tree.cut(n_clusters), strict=True)}) == n_clusters
    with pytest.raises(UserError, match="2 roots"):
        MergeTree.from_joins(3, np.array([0]), np.array([1]), np.ones(1)).to_scipy()
