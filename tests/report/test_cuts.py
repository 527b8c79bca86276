from dataclasses import replace

import numpy as np
import pytest

from raycluster.graph.tree import MergeTree
from raycluster.report.arrangement import arrange
from raycluster.report.cuts import EVERY, cut_everywhere, offered, partition_at


@pytest.fixture(scope="module")
def numbers(content):
    return offered(content.tree, 10, [])


def test_every_cut_of_the_page_is_that_of_the_tree(content, numbers):
    cuts = cut_everywhere(content.clusters, numbers, content.tree.cut)
    for number, clusters in zip(cuts.numbers.tolist(), cuts.clusters, strict=True):
        np.testing.assert_array_equal(clusters[cuts.leaf], content.tree.cut(number))


def test_at_its_own_number_the_run_has_its_own_clusters(content, numbers):
    renamed = (content.clusters + 3) % 10 + 20
    cuts = cut_everywhere(renamed.astype(np.int32), numbers, content.tree.cut)
    assert cuts.numbers[cuts.own] == 10
    np.testing.assert_array_equal(cuts.clusters[cuts.own][cuts.leaf], renamed)


def test_leaves_are_split_where_the_runs_clusters_are_no_cut_of_the_tree(content, numbers):
    clusters = (np.arange(len(content.clusters)) % 2).astype(np.int32)
    cuts = cut_everywhere(clusters, numbers, content.tree.cut)
    np.testing.assert_array_equal(cuts.clusters[cuts.own][cuts.leaf], clusters)
    np.testing.assert_array_equal(cuts.clusters[4][cuts.leaf], content.tree.cut(int(cuts.numbers[4])))


def test_the_leaves_of_a_cluster_follow_one_another(content, numbers):
    cuts = cut_everywhere(content.clusters, numbers, content.tree.cut)
    for clusters in cuts.clusters:
        assert (np.diff(clusters) != 0).sum() == len(np.unique(clusters)) - 1


def test_without_a_tree_there_is_only_one_cut():
    cuts = cut_everywhere(np.array([4, 4, 7, 4], np.int32), [], np.asarray)
    assert (cuts.numbers.tolist(), cuts.own) == ([2], 0)
    assert cuts.clusters[0][cuts.leaf].tolist() == [4, 4, 7, 4]


@pytest.mark.parametrize("n", [2, 5000])
def test_all_small_numbers_and_those_suggested_are_offered(n):
    chain = np.arange(n - 1, dtype=np.int32)
    left = np.concatenate([chain[:1], n + chain[:-1]])
    tree = MergeTree(n, left, chain + 1, np.ones(n - 1), chain + 2)
    numbers = offered(tree, 2, [n - 1])
    assert numbers[: min(n, EVERY)] == list(range(1, min(n, EVERY) + 1))
    assert n - 1 in numbers
    assert numbers == sorted(set(numbers))


def test_small_clusters_join_others_where_the_run_let_them_and_its_number_was_given(content):
    """Two classes of two halves of 32 rows each, which hang loosely together, and two stray rows."""
    starts, halves = [0, 32, 64, 96, 128], [32, 32, 32, 32, 2]
    ends = [(start, row) for start, n in zip(starts, halves, strict=True) for row in range(start + 1, start + n)]
    ends += [(0, 32), (64, 96), (0, 64), (0, 128)]
    kept, joined = np.array(ends).T
    affinity = np.array([np.inf] * 125 + [1, 1, 0.01, 1e-6])
    tree = MergeTree.from_joins(130, kept, joined, affinity)
    vectors = np.repeat([[0.0], [0.0], [9.0], [9.0], [8.0]], halves, axis=0).astype(np.float32)
    joining = {"join_small_clusters": True, "clusters": 3}
    assert partition_at(tree, 2, joining).tolist() == [0] * 64 + [1] * 64 + [0] * 2
    for identity in ({}, joining | {"clusters": "auto"}, joining | {"join_small_clusters": False}):
        assert partition_at(tree, 2, identity).tolist() == [0] * 128 + [1] * 2
    cut = {"ids": np.arange(130), "paths": [str(row) for row in range(130)], "confidence": np.ones(130, np.float32)}
    run = replace(content, **cut, vectors=vectors, tree=tree, clusters=tree.cut(3), labels=None, neighbors=None)
    cuts = arrange(replace(run, config={"identity": joining}, summary=content.summary | {"health": {}})).cuts
    assert cuts.clusters[cuts.numbers.tolist().index(2)][cuts.leaf].tolist() == [0] * 64 + [1] * 64 + [0] * 2
    assert cuts.clusters[cuts.own][cuts.leaf].tolist() == tree.cut(3).tolist()
