"""K clusters that count: a few stray rows give their place among the K to a larger cluster, and join another one."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.labels import number_by_smallest_row

if TYPE_CHECKING:
    from raycluster.graph.tree import MergeTree

SMALL = 0.25  # of n/K rows, below which a cluster may give up its place
MOST = 0.025  # of all rows: a larger cluster keeps its place even if K is low
GAIN = 2.0  # times as many rows are in a cluster that takes the place
CLEAR = 0.05  # of the usual affinity per row; from 0.03 to 0.08, the results are the same on all sets tried
MIN_ROWS = 8  # in both clusters of a merge that counts for what is usual


class Partition(NamedTuple):
    """K clusters of a merge tree, and the small ones that joined them.

    Attributes
    ----------
    labels : ndarray of int32, shape (n,)
        Numbers from 0, in the order of the clusters' smallest rows.
    nodes : ndarray of int32, shape (K,)
        The node of the tree that each cluster is, apart from what joined it.
    joined : ndarray of int32, shape (m,)
        The nodes of the small clusters that joined another one.
    into : ndarray of int32, shape (m,)
        The clusters that they joined.
    is_joined : ndarray of bool, shape (n,)
        The rows of ``joined``.
    """

    labels: np.ndarray
    nodes: np.ndarray
    joined: np.ndarray
    into: np.ndarray
    is_joined: np.ndarray

    def counted(self) -> dict[str, int]:
        """Return how many small clusters joined another one, and how many rows, for summaries."""
        return {"joined_clusters": len(self.joined), "joined_rows": int(np.count_nonzero(self.is_joined))}

    @property
    def core(self) -> np.ndarray:
        """The labels, except that every row that joined a cluster has a number of its own, below 0, int32 [n].

        With these, a row that joined agrees with none of its neighbors, and none agrees with it.
        """
        return np.where(self.is_joined, -1 - np.arange(len(self.labels), dtype=np.int32), self.labels)


def partition_of(
    tree: MergeTree, n_clusters: int, features: np.ndarray | None = None, join_small: bool = True
) -> Partition:
    """Cut a tree at K clusters that count.

    At the moment when K clusters are left, a group of 27 rows of 2,000 may be one of them, while two large clusters are
    still one. Therefore further merges are undone, the latest first. If one of them joined two clusters that each have
    at least twice as many rows (:data:`GAIN`) as the smallest of the K, they become two of the K, and the smallest
    joins another cluster. That goes on as long as

    - the smallest has fewer than a quarter of n/K rows (:data:`SMALL`), and fewer than 1/40 of all rows
      (:data:`MOST`), and
    - the affinity A of the merge, times the rows of the smallest, is below 0.05 (:data:`CLEAR`) of what is usual in
      this tree: the median of A times the rows of the smaller cluster, over merges of at least 8 rows on either side.

    The second condition weighs size against affinity. Two stray rows give way to almost any two halves; 27 rows only
    where the two clusters hardly hang together; and a real small class, which is many rows, keeps its place where all
    that is left to separate are halves of a large class. Where no merge shows what is usual, nothing is undone.

    What is undone on the way to such a merge, because it joined something smaller, joins another cluster too. A small
    cluster joins as a whole the nearest by centroid of those clusters that it was merged with next.

    Parameters
    ----------
    tree : MergeTree
    n_clusters : int
        K, at least ``tree.n_roots``.
    features : ndarray of float32, shape (n, d), optional
        Without them, a small cluster joins the largest of the clusters that it was merged with next.
    join_small : bool
        False cuts the tree at the moment when K clusters are left.
    """
    n, n_merges = tree.n_leaves, tree.n_leaves - n_clusters
    size = np.append(np.ones(n, np.int32), tree.size)
    limit, most_rows = 0.0, min(SMALL * n / n_clusters, MOST * n)
    if join_small:
        limit = CLEAR * _usual(tree.affinity[:n_merges], size[tree.left[:n_merges]], size[tree.right[:n_merges]])
    nodes, joined = _trade_places(n, tree.left, tree.right, tree.affinity, size, n_clusters, most_rows, limit)
    pieces = np.concatenate([nodes, joined])
    piece = _pieces_of_rows(n, tree.left, tree.right, pieces)
    into = np.arange(n_clusters)
    if len(joined):
        centroids = np.zeros((len(pieces), 0 if features is None else features.shape[1]))
        if features is not None:
            _add_rows(centroids, piece, features)
            centroids /= size[pieces][:, None]
        into = np.append(into, _find_homes(tree.left, tree.right, n, pieces, n_clusters, centroids, size[pieces]))
    labels, _, _ = number_by_smallest_row(into[piece])
    first = np.full(n_clusters, n)
    np.minimum.at(first, into[piece], np.arange(n))
    order, number = np.argsort(first), labels[first]
    return Partition(labels, nodes[order], joined, number[into[n_clusters:]], piece >= n_clusters)


def _usual(affinity: np.ndarray, left_size: np.ndarray, right_size: np.ndarray) -> float:
    """Return the median affinity per row of the smaller side, over merges of two clusters that are large enough."""
    smaller = np.minimum(left_size, right_size)
    counts = np.isfinite(affinity) & (affinity > 0) & (smaller >= MIN_ROWS)
    return float(np.median(affinity[counts] * smaller[counts])) if counts.any() else 0.0


@compiled
def _trade_places(
    n: int,
    left: np.ndarray,
    right: np.ndarray,
    affinity: np.ndarray,
    size: np.ndarray,
    n_clusters: int,
    most_rows: float,
    limit: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes of the K clusters, ascending, and of those that gave up their places, int32."""
    last = n - n_clusters
    is_cluster = np.zeros(n + len(left), np.bool_)
    is_cluster[: n + last] = True
    for i in range(last):
        is_cluster[left[i]] = is_cluster[right[i]] = False
    smallest = [(size[node], np.int64(node)) for node in range(n + last) if is_cluster[node]]
    heapq.heapify(smallest)
    joined = [np.int32(0)][:0]
    undone = [0][:0]  # since the last trade
    traded = 0  # of those that joined, how many had done so at the last trade
    for i in range(last - 1, -1, -1):
        while not is_cluster[smallest[0][1]]:
            heapq.heappop(smallest)
        rows, node = smallest[0]
        if not (rows < most_rows and affinity[i] * rows < limit):
            break
        large, small = left[i], right[i]
        if size[small] > size[large]:
            large, small = small, large
        if not is_cluster[n + i] or size[large] < GAIN * rows:
            continue
        is_cluster[n + i], is_cluster[large] = False, True
        heapq.heappush(smallest, (size[large], np.int64(large)))
        if size[small] < GAIN * rows:  # it is in the way of what is below, and joins, if there is a trade
            joined.append(small)
            undone.append(i)
            continue
        is_cluster[node], is_cluster[small] = False, True
        heapq.heappush(smallest, (size[small], np.int64(small)))
        joined.append(np.int32(node))
        traded = len(joined)
        undone.clear()
    for i in undone[::-1]:
        is_cluster[n + i] = True
        is_cluster[left[i]] = is_cluster[right[i]] = False
    return np.flatnonzero(is_cluster).astype(np.int32), np.array(joined[:traded], np.int32)


@compiled
def _pieces_of_rows(n: int, left: np.ndarray, right: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Return the piece that every row is in, int32 [n], of pieces that are nodes and hold all rows."""
    piece = np.full(n + len(left), -1, np.int32)
    for p in range(len(pieces)):
        piece[pieces[p]] = p
    for i in range(len(left) - 1, -1, -1):
        if piece[n + i] >= 0:
            piece[left[i]] = piece[right[i]] = piece[n + i]
    return piece[:n]


@compiled
def _add_rows(sums: np.ndarray, piece: np.ndarray, features: np.ndarray) -> None:
    for i in range(len(piece)):
        for j in range(features.shape[1]):  # numba takes seconds to compile an assignment to a whole row
            sums[piece[i], j] += features[i, j]


@compiled
def _find_homes(
    left: np.ndarray,
    right: np.ndarray,
    n: int,
    pieces: np.ndarray,
    n_clusters: int,
    centroids: np.ndarray,
    size: np.ndarray,
) -> np.ndarray:
    """Return the cluster that each small piece joins: the nearest of those in the node that it was merged with.

    Of equally near ones, it is the largest. The first ``n_clusters`` pieces are the clusters. The lists of the clusters
    and of the small pieces in a node are linked, so that two lists become one at once.
    """
    none = -1
    first = np.full((n + len(left), 2), none)  # of every node, the first cluster and the first small piece without home
    last = np.full((n + len(left), 2), none)
    is_above = np.zeros(n + len(left), np.bool_)  # the node is a piece or contains some
    after = np.full(len(pieces), none)
    home = np.full(len(pieces), none)
    for p in range(len(pieces)):
        kind = int(p >= n_clusters)
        first[pieces[p], kind] = last[pieces[p], kind] = p
        is_above[pieces[p]] = True
    for i in range(len(left)):
        if not (is_above[left[i]] and is_above[right[i]]):
            continue
        node = n + i
        is_above[node] = True
        for one, other in ((left[i], right[i]), (right[i], left[i])):
            if first[other, 0] >= 0 and first[one, 1] >= 0:
                _choose_homes(first[one, 1], first[other, 0], after, home, centroids, size)
                first[one, 1] = none
        for kind in range(2):
            for side in (left[i], right[i]):
                if first[side, kind] < 0:
                    continue
                if first[node, kind] < 0:
                    first[node, kind] = first[side, kind]
                else:
                    after[last[node, kind]] = first[side, kind]
                last[node, kind] = last[side, kind]
    after[:n_clusters] = np.arange(1, n_clusters + 1)
    after[n_clusters - 1] = none
    for p in range(n_clusters, len(pieces)):
        if home[p] < 0:  # a root of its own
            after[p] = none
            _choose_homes(p, 0, after, home, centroids, size)
    return home[n_clusters:]


@compiled
def _choose_homes(
    small: int, cluster: int, after: np.ndarray, home: np.ndarray, centroids: np.ndarray, size: np.ndarray
) -> None:
    """Choose among the clusters from ``cluster`` on, for all small pieces from ``small`` on."""
    while small >= 0:
        best, nearest, candidate = cluster, np.inf, cluster
        while candidate >= 0:
            distance = np.sum((centroids[small] - centroids[candidate]) ** 2)
            if distance < nearest or (distance == nearest and size[candidate] > size[best]):
                best, nearest = candidate, distance
            candidate = after[candidate]
        home[small] = best
        small = after[small]
