"""The rule for small connected components: a few stray rows must not take the place of a real cluster."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.disjoint_set import find, join
from raycluster.graph.kernel.labels import join_labels, smallest_rows

MIN_ROWS = 8  # of a cluster, unless K_s is smaller still


def smallest_cluster(k: float) -> float:
    """Return how many rows make a cluster in a graph of k neighbors each, on average: k/2, but at least min(k, 8)."""
    return max(k / 2, min(k, MIN_ROWS))


def join_small_components(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, is_member: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join small connected components to their nearest cluster before the merging begins.

    The components are those of the graph of mutual edges, i → j and j → i, together with the clusters. Without a mutual
    edge, the affinity of a few rows s to a cluster C is mostly S[C,s]/|C|², which vanishes as C grows, and often it is
    0: they would be merged after all real clusters, or never.

    Therefore every component of fewer rows than :func:`smallest_cluster` becomes one cluster with the cluster (of
    ``labels``, not its whole component) at the other end of the strongest edge that leaves or enters it. Of equally
    strong edges, the one from the smallest row counts. This is repeated, as components grow together, until every
    component is large enough or has no edge to another one. A group of more rows, however far away, is left alone: it
    fills its own neighbor lists.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        The clusters before, numbered by their smallest row.
    is_member : ndarray of bool, shape (n,), optional
        The rows of clear small groups (:class:`raycluster.graph.stages.small_groups.SmallGroups`): a component that
        contains one is large enough.

    Returns
    -------
    labels : ndarray of int32, shape (n,)
        The clusters after, numbered by their smallest row.
    kept, joined : ndarray of int32, shape (joins,)
        The joins in order, clusters named by their smallest rows.
    """
    # A row that has fewer neighbors than others lists itself instead.
    k = np.count_nonzero(neighbor_ids != np.arange(len(labels))[:, None]) / len(labels)
    min_rows = smallest_cluster(k)
    is_member = np.zeros(len(labels), np.bool_) if is_member is None else is_member
    kept: list[np.ndarray] = []
    joined: list[np.ndarray] = []
    while True:
        smallest_row = smallest_rows(labels)
        low, high = _join_once(neighbor_ids, weights, labels, smallest_row, min_rows, is_member)
        if len(low) == 0:
            return labels, np.concatenate([*kept, low]), np.concatenate([*joined, high])
        kept.append(low)
        joined.append(high)
        labels = join_labels(labels, smallest_row, low, high)


@compiled
def _components(neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the component of every cluster, named by its smallest cluster, int32 [c]."""
    n, k = neighbor_ids.shape
    parent = np.arange(n_clusters).astype(np.int32)
    for i in range(n):
        for t in range(k):
            j = neighbor_ids[i, t]
            # A mutual edge is found from its smaller row.
            if i < j and weights[i, t] > 0 and find(parent, labels[i]) != find(parent, labels[j]):
                for u in range(k):
                    if neighbor_ids[j, u] == i and weights[j, u] > 0:
                        join(parent, labels[i], labels[j])
    for c in range(n_clusters):
        parent[c] = find(parent, c)
    return parent


@compiled
def _join_once(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    smallest_row: np.ndarray,
    min_rows: float,
    is_member: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Join every small component along its strongest edge; return the joins, by smallest rows."""
    n, k = neighbor_ids.shape
    c = len(smallest_row)
    component = _components(neighbor_ids, weights, labels, c)
    size = np.zeros(c)
    for i in range(n):
        size[component[labels[i]]] += min_rows if is_member[i] else 1
    is_small = np.empty(n, np.bool_)
    for i in range(n):
        is_small[i] = size[component[labels[i]]] < min_rows
    strongest = np.full(c, -1.0)
    target = np.full(c, -1, np.int32)
    for i in range(n):
        for t in range(k):
            if not (is_small[i] or is_small[neighbor_ids[i, t]]):
                continue
            here, there = labels[i], labels[neighbor_ids[i, t]]
            if component[here] != component[there]:
                if size[component[here]] < min_rows and weights[i, t] > strongest[component[here]]:
                    strongest[component[here]] = weights[i, t]
                    target[component[here]] = there
                if size[component[there]] < min_rows and weights[i, t] > strongest[component[there]]:
                    strongest[component[there]] = weights[i, t]
                    target[component[there]] = here
    parent = np.arange(c).astype(np.int32)
    low = np.empty(c, np.int32)
    high = np.empty(c, np.int32)
    joins = 0
    for i in range(2 * c):
        # First the clusters of a small component with one another, then the component with its target.
        one, other = (i, component[i]) if i < c else (i - c, target[i - c])
        if target[component[one]] >= 0 and other >= 0:
            one, other = find(parent, one), find(parent, other)
            if join(parent, one, other):
                low[joins] = smallest_row[min(one, other)]
                high[joins] = smallest_row[max(one, other)]
                joins += 1
    return low[:joins], high[:joins]
