import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from raycluster.graph import GraphDegreeLinkage
from raycluster.graph.small_clusters import CLEAR, GAIN, MOST, SMALL
from raycluster.graph.tree import MergeTree

WITHIN = 1.0  # the affinity of the two halves of a class


def tree_of_blocks(sizes, merges):
    """Blocks of consecutive rows, each put together first, then merged as (block, block, affinity) says."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    kept = [start for start, size in zip(starts, sizes, strict=False) for _ in range(size - 1)]
    joined = [row for start, size in zip(starts, sizes, strict=False) for row in range(start + 1, start + size)]
    affinity = [np.inf] * len(kept) + [merge[2] for merge in merges]
    ends = [sorted((starts[a], starts[b])) for a, b, _ in merges]
    kept, joined = kept + [a for a, _ in ends], joined + [b for _, b in ends]
    return MergeTree.from_joins(sum(sizes), np.array(kept), np.array(joined), np.array(affinity))


def two_classes(stray=2, between=0.01):
    """Two classes of two halves of 32 rows each, merged with affinity ``between``, and a few stray rows."""
    merges = [(0, 1, WITHIN), (2, 3, WITHIN), (0, 2, between), (0, 4, 1e-6)]
    return tree_of_blocks([32, 32, 32, 32, stray], merges)


def sizes_of(tree, nodes):
    return sorted(np.append(np.ones(tree.n_leaves, np.int32), tree.size)[nodes].tolist())


def test_stray_rows_make_room_for_a_class_and_join_the_nearest_one():
    tree = two_classes()
    features = np.repeat([[0.0], [0.0], [9.0], [9.0], [8.0]], [32, 32, 32, 32, 2], axis=0)
    found = tree.partition(2, features)
    assert found.labels.tolist() == [0] * 64 + [1] * 66
    assert (sizes_of(tree, found.nodes), sizes_of(tree, found.joined)) == ([64, 64], [2])
    assert found.into.tolist() == [1]
    assert found.is_joined.tolist() == [False] * 128 + [True] * 2
    assert found.counted() == {"joined_clusters": 1, "joined_rows": 2}


def test_at_the_moment_of_k_clusters_the_stray_rows_are_one_of_them():
    found = two_classes().partition(2, join_small_clusters=False)
    assert found.labels.tolist() == two_classes().cut(2).tolist() == [0] * 128 + [1] * 2
    assert (len(found.joined), len(found.into), found.is_joined.any()) == (0, 0, False)


def test_without_features_stray_rows_join_the_largest_cluster_that_they_were_merged_with():
    merges = [(0, 1, WITHIN), (2, 3, WITHIN), (0, 2, 0.01), (0, 4, 1e-6)]
    tree = tree_of_blocks([32, 32, 40, 40, 2], merges)
    assert tree.partition(2).into.tolist() == [1]


def test_a_small_class_keeps_its_place_where_only_halves_are_left_to_separate():
    # What is usual is 1.0 · 32. A stray of 2 rows costs 2 · A for the merge that is undone.
    low, high = CLEAR * 32 / 2 - 0.01, CLEAR * 32 / 2 + 0.01
    halves = [(0, 1, WITHIN), (2, 3, WITHIN), (5, 6, WITHIN)]
    for between, is_traded in ((low, True), (high, False)):
        merges = [*halves, (0, 2, between), (0, 5, 1e-3), (0, 4, 1e-6)]
        tree = tree_of_blocks([32, 32, 32, 32, 2, 32, 32], merges)
        assert len(tree.partition(3).joined) == is_traded


def test_only_few_rows_make_room():
    shares = {3: True, 4: False}  # of 128 rows and the stray ones, MOST is less than 4 rows
    for rows, is_traded in shares.items():
        assert rows < MOST * (128 + rows) or not is_traded
        assert len(two_classes(stray=rows).partition(2).joined) == is_traded


def test_what_takes_the_place_has_twice_as_many_rows():
    for rows, is_traded in ((4, True), (3, False)):
        merges = [(0, 1, WITHIN), (2, 3, WITHIN), (0, 4, 0.01), (0, 2, 1e-4), (0, 5, 1e-6)]
        tree = tree_of_blocks([32, 32, 32, 32, rows, 2], merges)
        assert len(tree.partition(3).joined) == is_traded, rows


def test_what_is_in_the_way_of_a_trade_joins_too():
    merges = [(0, 1, WITHIN), (2, 3, WITHIN), (0, 2, 0.01), (0, 5, 1e-3), (0, 4, 1e-6)]
    tree = tree_of_blocks([32, 32, 32, 32, 2, 3], merges)
    found = tree.partition(2)
    assert (sizes_of(tree, found.nodes), sizes_of(tree, found.joined)) == ([64, 64], [2, 3])
    # Nothing joins for nothing: with three clusters, no further merge can be undone.
    assert sizes_of(tree, tree.partition(3).joined) == [2]


def test_a_tree_that_does_not_show_what_is_usual_is_cut_at_its_moment():
    merges = [(0, 1, WITHIN), (2, 3, WITHIN), (0, 2, 1e-6), (0, 4, 1e-9)]
    tree = tree_of_blocks([7] * 4 + [1] + [7] * 4, [*merges, (0, 5, 0.0), (0, 6, 0.0), (0, 7, 0.0), (0, 8, 0.0)])
    for k in (2, 5, 7):
        assert tree.partition(k).labels.tolist() == tree.cut(k).tolist()


def test_a_stray_root_joins_the_nearest_of_all_clusters():
    merges = [(0, 1, WITHIN), (2, 3, WITHIN), (0, 2, 0.01)]
    tree = tree_of_blocks([32, 32, 32, 32, 2], merges)
    features = np.repeat([[0.0], [0.0], [9.0], [9.0], [8.0]], [32, 32, 32, 32, 2], axis=0)
    assert tree.n_roots == 2
    assert tree.partition(2, features).into.tolist() == [1]


def test_the_merges_above_do_not_matter():
    whole = two_classes(stray=3)
    stopped = MergeTree(whole.n_leaves, whole.left[:-1], whole.right[:-1], whole.affinity[:-1], whole.size[:-1])
    assert stopped.partition(2).nodes.tolist() == whole.partition(2).nodes.tolist()


def reference(tree, k):
    """Trade places as the docstring says, with sets of nodes."""
    n, size = tree.n_leaves, np.append(np.ones(tree.n_leaves, int), tree.size)
    kept = set(range(n + n - k)) - set(tree.left[: n - k].tolist()) - set(tree.right[: n - k].tolist())
    smaller = np.minimum(size[tree.left], size[tree.right])[: n - k]
    affinity = tree.affinity[: n - k]
    usual = (affinity * smaller)[np.isfinite(affinity) & (affinity > 0) & (smaller >= 8)]
    limit = CLEAR * np.median(usual) if len(usual) else 0.0
    joined, best = [], (set(kept), [])
    for i in reversed(range(n - k)):
        smallest = min(kept, key=lambda node: (size[node], node))
        rows = size[smallest]
        if not (rows < min(SMALL * n / k, MOST * n) and tree.affinity[i] * rows < limit):
            break
        small, large = sorted((int(tree.right[i]), int(tree.left[i])), key=lambda node: size[node])
        if n + i not in kept or size[large] < GAIN * rows:
            continue
        kept = kept - {n + i} | {large}
        if size[small] < GAIN * rows:
            joined = [*joined, small]
            continue
        kept = kept - {smallest} | {small}
        joined = [*joined, smallest]
        best = (kept, joined)
    return best


@st.composite
def trees(draw):
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 5, 8, 20, 40, 60]), min_size=3, max_size=12))
    alive, merges = list(range(len(sizes))), []
    affinities = draw(st.lists(st.sampled_from([0.0, 1e-6, 1e-4, 0.01, 0.3, 2.0]), min_size=12, max_size=12))
    for affinity in sorted(affinities[: len(sizes) - 1], reverse=True):
        a, b = sorted(draw(st.permutations(alive))[:2])
        merges.append((a, b, affinity))
        alive.remove(b)
    return tree_of_blocks(sizes, merges), draw(st.integers(1, len(sizes)))


@given(trees())
@settings(max_examples=300, deadline=None)
def test_the_clusters_are_those_of_a_plain_reference(drawn):
    tree, k = drawn
    found = tree.partition(k)
    kept, joined = reference(tree, k)
    assert (set(found.nodes.tolist()), found.joined.tolist()) == (kept, joined)
    # Every cluster is its node and what joined it, numbered by smallest row.
    rows = [np.flatnonzero(found.labels == cluster) for cluster in range(k)]
    size = np.append(np.ones(tree.n_leaves, int), tree.size)
    for cluster in range(k):
        assert len(rows[cluster]) == size[found.nodes[cluster]] + size[found.joined[found.into == cluster]].sum()
        assert found.nodes[cluster] in tree.path_to_root(rows[cluster][~found.is_joined[rows[cluster]]][0])
    assert [first[0] for first in rows] == sorted(first[0] for first in rows)
    assert np.count_nonzero(found.is_joined) == size[found.joined].sum()


def test_on_the_digits_an_odd_group_makes_room_for_ones_apart_from_eights():
    images, classes = load_digits(return_X_y=True)
    model = GraphDegreeLinkage(10).fit(images)
    moment = model.tree_.cut(10)
    found = model.tree_.partition(10, images.astype(np.float32))
    assert model.labels_.tolist() == found.labels.tolist()
    assert np.bincount(moment).min() == 27
    assert sizes_of(model.tree_, found.joined) == [27]
    assert GraphDegreeLinkage(10, join_small_clusters=False).fit(images).labels_.tolist() == moment.tolist()
    # Where every second class has only a tenth of its images, nothing is given away.
    rare = (classes % 2 == 1) & (np.cumsum(np.eye(10)[classes], axis=0)[np.arange(1797), classes] > 18)
    assert len(GraphDegreeLinkage(10).fit(images[~rare]).tree_.partition(10).joined) == 0


def test_rows_that_joined_a_cluster_are_not_in_its_core():
    found = two_classes().partition(2)
    assert found.core.tolist() == [0] * 64 + [1] * 64 + [-129, -130]
    assert two_classes().partition(2, join_small_clusters=False).core.tolist() == [0] * 128 + [1] * 2


@pytest.mark.parametrize("k", [1, 2, 3, 10, 65])
def test_there_are_always_k_clusters(k):
    assert len(np.unique(two_classes().partition(k).labels)) == k
