"""How many clusters there are, from the merge tree and the k-NN graph alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from raycluster.errors import UserError
from raycluster.graph.kernel.components import smallest_cluster
from raycluster.graph.tree import MergeTree

PRICE = 0.6  # t in the score: what one unit of separation may cost in edges cut; benchmarks/auto_k.py says why
WINDOW = 2.0  # alternatives are what is best at a price up to this factor away from PRICE
MOST_RANKED = 8


class Candidate(NamedTuple):
    """A number of clusters that is the best one at some price.

    Attributes
    ----------
    n_clusters : int
    score : float
        At the price :data:`PRICE`.
    clearness : float
        Share of the allowed cut that was not needed. 1: no edge runs between the clusters. 0: no better than one
        cluster. Below about 0.5 the graph shows no clear clusters.
    lowest_price, highest_price : float
        The prices between which it is the best. Far apart where the number is the same at every resolution.
    """

    n_clusters: int
    score: float
    clearness: float
    lowest_price: float
    highest_price: float


class NClusters(NamedTuple):
    """The answer of :func:`rank_n_clusters`.

    Attributes
    ----------
    chosen : int
        K.
    ranked : tuple of Candidate
        The chosen one, then what would be chosen at another price, between half and twice :data:`PRICE`, those for
        which the price has to change least first. Where the structure is clear, few or none.
    tried : ndarray of int64, shape (m,)
        All numbers of clusters tried, ascending: those at which the tree parts two clusters of a size to be clusters.
    scores : ndarray of float64, shape (m,)
        Their scores.
    """

    chosen: int
    ranked: tuple[Candidate, ...]
    tried: np.ndarray
    scores: np.ndarray

    @property
    def alternatives(self) -> list[int]:
        """The ranked numbers other than the chosen one."""
        return [candidate.n_clusters for candidate in self.ranked[1:]]

    @property
    def clearness(self) -> float:
        """Of the chosen number; see :class:`Candidate`."""
        return self.ranked[0].clearness


def rank_n_clusters(
    tree: MergeTree,
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    min_clusters: int = 2,
    max_clusters: int | None = None,
) -> NClusters:
    """Choose the number of clusters at which to cut a merge tree.

    Parameters
    ----------
    tree : MergeTree
        Of :func:`raycluster.graph.linkage.link`.
    neighbor_ids : ndarray of int32, shape (n, k)
        The graph that the tree was made from, best with k = :func:`raycluster.graph.neighbors.nearest.default_n_neighbors`.
    weights : ndarray of float32, shape (n, k)
    min_clusters, max_clusters : int
        Between which to choose. By default 2 and n/k: a cluster of fewer than k rows cannot fill its own neighbour
        lists. (Where rows have different numbers of neighbours, k is the mean.)

    Returns
    -------
    NClusters

    Notes
    -----
    The K with the highest score(K) = t (1 - Σ_c p_c^(3/2)) - cut is chosen. p_c is the share of edge weight that ends
    in cluster c, cut the share that runs between clusters, t = :data:`PRICE`. With p² and t = 1 it would be
    modularity: to halve a cluster then pays if less than p/2 of its weight is cut, so that small clusters are never
    told apart and large ones fall to pieces. With the entropy of p in place of 1 - Σp² the same share may be cut at any
    size, and noise and chains fall into hundreds of clusters. The power 3/2 is between the two; the share is 0.176 √p.

    As t grows, better and better connected clusters are split. The numbers that are the best for some t are the corners
    of the convex hull of (1 - Σp^(3/2), cut); they, and nothing else, are ranked.

    A few stray rows are cheap to part from the rest, and would make K = 11 of ten clusters. A number above the lowest
    is therefore only tried if the merge next in the tree joins two clusters that are each as large as
    :func:`raycluster.graph.kernel.components.smallest_cluster`.

    Raises
    ------
    UserError
        When the graph is not that of the tree or has no weight, or when ``min_clusters`` and ``max_clusters`` leave
        nothing to choose from.
    """
    n = tree.n_leaves
    if neighbor_ids.shape != weights.shape or len(neighbor_ids) != n:
        raise UserError(
            f"The tree has {n} rows, the graph ids of shape {neighbor_ids.shape} and weights of shape {weights.shape}: "
            "pass the graph that the tree was made from."
        )
    k = max(np.count_nonzero(weights) / n, 1)
    lowest = max(min_clusters, tree.n_roots)
    highest = max(int(n / k), lowest) if max_clusters is None else max_clusters
    if not 1 <= lowest <= highest <= n:
        raise UserError(
            f"min_clusters={min_clusters} and max_clusters={max_clusters} for a tree of {n} rows and {tree.n_roots} "
            f"roots: choose {tree.n_roots} to {n}, the smaller one first."
        )
    separation, cut = _curves(tree, np.asarray(neighbor_ids, np.int32), np.asarray(weights, np.float32), highest)
    tried = np.arange(lowest, highest + 1)
    tried = tried[np.append(True, _smaller_side(tree, tried[1:]) >= smallest_cluster(k))]
    separation, cut = separation[tried - tree.n_roots], cut[tried - tree.n_roots]
    scores = PRICE * separation - cut
    corners = _hull(separation, cut)
    between = np.diff(cut[corners]) / np.diff(separation[corners])
    low, high = np.append(0.0, between), np.append(between, np.inf)
    with np.errstate(divide="ignore"):
        change = np.maximum(np.maximum(np.log(low / PRICE), np.log(PRICE / high)), 0)
    near = np.argsort(change, kind="stable")[:MOST_RANKED]
    ranked = []
    for i in near[change[near] <= np.log(WINDOW)]:
        place = corners[i]
        clearness = scores[place] / (PRICE * separation[place]) if separation[place] > 0 else 0.0
        ranked.append(
            Candidate(int(tried[place]), float(scores[place]), float(clearness), float(low[i]), float(high[i]))
        )
    return NClusters(ranked[0].n_clusters, tuple(ranked), tried, scores)


def _smaller_side(tree: MergeTree, n_clusters: np.ndarray) -> np.ndarray:
    """Return the rows of the smaller of the two clusters that are merged next when so many are left."""
    size = np.append(np.ones(tree.n_leaves, np.int32), tree.size)
    merge = tree.n_leaves - n_clusters
    return np.minimum(size[tree.left[merge]], size[tree.right[merge]])


def _curves(
    tree: MergeTree, neighbor_ids: np.ndarray, weights: np.ndarray, highest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return 1 - Σp^(3/2) and the share of weight cut, for n_roots to ``highest`` clusters."""
    labels = tree.cut(highest)
    volume, between = _volumes(neighbor_ids, weights, labels, highest)
    total = volume.sum() / 2
    if total <= 0:
        raise UserError("No edge of the graph has a weight above 0: there is nothing to count clusters by.")
    left, right = _top_merges(tree.n_leaves, tree.left, tree.right, labels, tree.n_leaves - highest)
    above, when, power = _grow(left, right, volume / (2 * total))
    joined = _joined_weight(neighbor_ids, weights, labels, above, when, len(left))
    cut = between - np.append(0.0, np.cumsum(joined))
    return (1 - power)[::-1], np.maximum(cut, 0.0)[::-1] / total


@njit(cache=True, nogil=True)
def _volumes(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, n_clusters: int
) -> tuple[np.ndarray, float]:
    """Return the weight of edges from and to every cluster, and that of edges between clusters."""
    volume = np.zeros(n_clusters)
    between = 0.0
    for i in range(len(labels)):
        for t in range(neighbor_ids.shape[1]):
            here, there = labels[i], labels[neighbor_ids[i, t]]
            volume[here] += weights[i, t]
            volume[there] += weights[i, t]
            if here != there:
                between += weights[i, t]
    return volume, between


@njit(cache=True, nogil=True)
def _top_merges(
    n: int, left: np.ndarray, right: np.ndarray, labels: np.ndarray, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Name the two sides of merge ``first`` and all later ones by the label of their smallest row."""
    row = np.arange(n + len(left))
    for i in range(len(left)):
        row[n + i] = row[left[i]]
    return labels[row[left[first:]]], labels[row[right[first:]]]


@njit(cache=True, nogil=True)
def _grow(left: np.ndarray, right: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hang the smaller side of every merge below the larger, so that no path is longer than log2 of the clusters.

    Returns
    -------
    above : ndarray of int32, shape (c,)
    when : ndarray of int32, shape (c,)
        The merge that hung it there; rising along every path.
    power : ndarray of float64, shape (merges + 1,)
        Σp^(3/2) before the first merge and after each.
    """
    c = len(share)
    above = np.arange(c).astype(np.int32)
    when = np.full(c, len(left), np.int32)
    members = np.ones(c, np.int32)
    share = share.copy()
    power = np.empty(len(left) + 1)
    power[0] = np.sum(share**1.5)
    for i in range(len(left)):
        a, b = left[i], right[i]
        while above[a] != a:
            a = above[a]
        while above[b] != b:
            b = above[b]
        if members[a] < members[b]:
            a, b = b, a
        above[b] = a
        when[b] = i
        members[a] += members[b]
        power[i + 1] = power[i] - share[a] ** 1.5 - share[b] ** 1.5 + (share[a] + share[b]) ** 1.5
        share[a] += share[b]
    return above, when, power


@njit(cache=True, nogil=True)
def _joined_weight(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, above: np.ndarray, when: np.ndarray, merges: int
) -> np.ndarray:
    """Return for every merge the weight of the edges whose ends it brings into one cluster."""
    joined = np.zeros(merges + 1)  # the last place is for edges between roots, which no merge joins
    for i in range(len(labels)):
        for t in range(neighbor_ids.shape[1]):
            a, b = labels[i], labels[neighbor_ids[i, t]]
            merge = -1
            while a != b and merge < merges:
                if when[a] > when[b]:
                    a, b = b, a
                merge = when[a]
                a = above[a]
            if merge >= 0:
                joined[merge] += weights[i, t]
    return joined[:merges]


def _hull(separation: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Return the places that minimise cut - t·separation for some t > 0; both rise with the place."""
    corners: list[int] = []
    for i in range(len(cut)):
        while corners and not cut[corners[-1]] < cut[i]:  # as little cut by more clusters
            corners.pop()
        while len(corners) > 1 and _slope(separation, cut, corners[-2], corners[-1]) >= _slope(
            separation, cut, corners[-1], i
        ):
            corners.pop()
        corners.append(i)
    return np.array(corners)


def _slope(separation: np.ndarray, cut: np.ndarray, i: int, j: int) -> float:
    return float((cut[j] - cut[i]) / (separation[j] - separation[i]))
