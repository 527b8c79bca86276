import numpy as np
import pytest

from raycluster.errors import UserError
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


def test_a_cut_that_is_not_in_the_tree_is_an_error(tree):
    with pytest.raises(UserError, match="choose 1 to 5"):
        tree.cut(6)
    with pytest.raises(UserError, match="n_clusters=0"):
        tree.cut(0)
    stopped = MergeTree.from_joins(5, np.array([1, 0]), np.array([3, 2]), np.zeros(2))
    assert stopped.n_roots == 3
    with pytest.raises(UserError, match="has 3 roots: choose 3 to 5"):
        stopped.cut(2)
