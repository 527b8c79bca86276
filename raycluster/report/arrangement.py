"""The order in which a page holds its images, and which of them it holds where it cannot hold all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.neighbors.nearest import NeighborIndex
from raycluster.report.content import RunContent
from raycluster.report.cuts import Cuts, cut_everywhere, offered, partition_at
from raycluster.report.projection import project
from raycluster.report.similar import near_duplicates, outlier_factors

NEIGHBORS = 10  # shown of each image
IN_FULL = 5_000  # a page of more images holds a sample, of at most this size; t-SNE also places as many at once
SHOWN_OF_EACH = 24  # most typical, least certain and most outlying images of each cluster in a sample
MOST_LISTED = 300  # outliers, and groups of near-duplicates
BLOCK = 100_000


class Arrangement(NamedTuple):
    """The images of a run in the order of a page, in which those of a leaf follow one another, the most central first.

    Everything but ``cuts``, ``order`` and ``place`` is in this order, and speaks of rows in it.

    Attributes
    ----------
    cuts : Cuts
    order : ndarray of int64, shape (n,)
        The row of the run that each row of the page is.
    place : ndarray of int64, shape (n,)
        The row of the page that each row of the run is.
    leaf : ndarray of int32, shape (n,)
    neighbors : ndarray of int64, shape (n, k)
    distances : ndarray of float32, shape (n, k)
    outlying : ndarray of float64, shape (n,)
        Local outlier factors.
    outliers : ndarray of int64
        The most outlying images first.
    duplicates : list of ndarray of int64
        Groups, the closest first.
    map : ndarray of float32, shape (n, 2)
    sample : ndarray of int64
        The rows that the page itself holds, ascending: all of them, or at most :data:`IN_FULL`.
    """

    cuts: Cuts
    order: np.ndarray
    place: np.ndarray
    leaf: np.ndarray
    neighbors: np.ndarray
    distances: np.ndarray
    outlying: np.ndarray
    outliers: np.ndarray
    duplicates: list[np.ndarray]
    map: np.ndarray
    sample: np.ndarray


def arrange(content: RunContent) -> Arrangement:
    """Arrange the images of a run for its page."""
    vectors, n = content.vectors, len(content.vectors)
    cuts = _cuts(content)
    neighbors, squared = content.neighbors or NeighborIndex(vectors, NEIGHBORS).rows()
    order = np.lexsort([_distances_to_center(vectors, cuts.leaf), cuts.leaf])
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    near = place[neighbors[order, :NEIGHBORS]]
    distances = np.sqrt(squared[order, :NEIGHBORS])
    outlying = outlier_factors(near, distances)
    outliers = np.argsort(-outlying, kind="stable")[:MOST_LISTED]
    duplicates = near_duplicates(near, distances)[:MOST_LISTED]
    leaf = cuts.leaf[order]
    typical = [part["row"] for one in content.suggestions for parts in one["merges"] for part in parts]
    listed = np.concatenate([place[np.array(typical, np.int64)], outliers, *duplicates])
    sample = _sample(cuts, leaf, content.confidence[order], outlying, listed)
    places = project(vectors, landmarks=IN_FULL)[order]
    return Arrangement(cuts, order, place, leaf, near, distances, outlying, outliers, duplicates, places, sample)


def _cuts(content: RunContent) -> Cuts:
    tree, identity = content.tree, content.config.get("identity", {})
    if tree is None:
        return cut_everywhere(content.clusters, [], lambda number: content.clusters)
    suggested = [one["n_clusters"] for one in content.suggestions]
    others = offered(tree, len(np.unique(content.clusters)), suggested)
    return cut_everywhere(content.clusters, others, lambda number: partition_at(tree, number, identity))


def _distances_to_center(vectors: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    """Return the squared distance of each row to the mean of its leaf, float32 [n], without a copy of all vectors."""
    n_leaves = int(leaf.max()) + 1
    sums = np.zeros((n_leaves, vectors.shape[1]))
    by_leaf = np.argsort(leaf, kind="stable")
    for start in range(0, len(leaf), BLOCK):
        rows = by_leaf[start : start + BLOCK]
        leaves, first = np.unique(leaf[rows], return_index=True)
        sums[leaves] += np.add.reduceat(vectors[rows], first, axis=0, dtype=np.float64)
    centers = (sums / np.bincount(leaf, minlength=n_leaves)[:, None]).astype(np.float32)
    distances = np.empty(len(leaf), np.float32)
    for start in range(0, len(leaf), BLOCK):
        part = slice(start, start + BLOCK)
        distances[part] = ((vectors[part] - centers[leaf[part]]) ** 2).sum(axis=1)
    return distances


def _sample(
    cuts: Cuts, leaf: np.ndarray, confidence: np.ndarray, outlying: np.ndarray, listed: np.ndarray
) -> np.ndarray:
    """Choose the rows that a page holds: some of each of the run's clusters and of each leaf, and those in lists."""
    n = len(leaf)
    if n <= IN_FULL:
        return np.arange(n)
    own = cuts.clusters[cuts.own][leaf]
    each = max(1, min(SHOWN_OF_EACH, IN_FULL // (4 * (int(own.max()) + 1))))
    chosen = [listed[: IN_FULL // 4]]
    for scores in (confidence, -outlying):
        chosen.append(_first_of_each(own, np.lexsort([scores, own]), each))
    due = np.bincount(leaf)[leaf] / (_rank_in(leaf) + 1)  # to each leaf as many as its share: D'Hondt
    chosen.append(_first_of_each(own, np.lexsort([-due, own]), each))
    taken = np.unique(np.concatenate(chosen))
    n_leaves = int(leaf.max()) + 1
    each = (IN_FULL - len(taken)) // n_leaves
    if each > 0:  # the most central of each leaf, and evenly spaced ones
        spaced = _first_of_each(leaf, np.arange(n), each)
        taken = np.union1d(taken, spaced)
    return taken[:IN_FULL]


def _first_of_each(group: np.ndarray, order: np.ndarray, most: int) -> np.ndarray:
    """Return the first rows of each group in an order in which groups follow one another."""
    return order[_rank_in(group[order]) < most]


def _rank_in(group: np.ndarray) -> np.ndarray:
    """Return the position of each row in its group, where groups follow one another."""
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))
