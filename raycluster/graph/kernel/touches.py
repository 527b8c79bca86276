"""Which samples a cluster touches by an edge, and how strongly: the table behind the exact update of affinities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.disjoint_set import find
from raycluster.graph.kernel.pairs import Pairs, new_pair

TOUCH = np.dtype([("sample", np.int32), ("inward", np.float32), ("outward", np.float32)])
SHORT = 32  # touches; shorter runs are always combined
UNEVEN = 8  # times as long: where a search takes fewer steps than a walk


class Touches(NamedTuple):
    """For every cluster C the samples m outside it with an edge from or to it.

    A touch holds inward = in_C(m) = Σ_{v∈C} W[v,m] and outward = out_C(m) = Σ_{v∈C} W[m,v]. The touches of a cluster
    lie in a few *runs*, each sorted by sample, each about twice as long as the one before; where a sample is in several
    runs of a cluster, the sums are split among them. Two clusters are merged by walking along their runs, so that
    memory is read in order, and the space of runs that are no longer needed is won back by moving the others together.
    """

    touch: np.ndarray  # TOUCH [places]
    start: np.ndarray  # int64 [2c], run r is touch[start[r] : start[r] + length[r]]; later runs lie behind earlier ones
    length: np.ndarray  # int32 [2c], -1 where the run is gone
    longer: np.ndarray  # int32 [2c], the next longer run of the same cluster, -1 for none
    shortest: np.ndarray  # int32 [c], the shortest run
    used: np.ndarray  # int64 [3], runs used, places used, and how many places to use before moving together


def incoming_edges(neighbor_ids: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn the graph round, edges of weight 0 left out.

    Returns
    -------
    start : ndarray of int64, shape (n + 1,)
    edge : ndarray of int32, shape (e,)
        The edges into m are edge[start[m]] to edge[start[m + 1] - 1], each v k + t for the t-th neighbour of v.
    """
    start = np.zeros(len(neighbor_ids) + 1, np.int64)
    _count_incoming(neighbor_ids, weights, start)
    np.cumsum(start, out=start)
    edge = np.empty(start[-1], np.int32)
    _fill_incoming(neighbor_ids, weights, start[:-1].copy(), edge)
    return start, edge


@compiled
def _count_incoming(neighbor_ids: np.ndarray, weights: np.ndarray, start: np.ndarray) -> None:
    n, k = neighbor_ids.shape
    for v in range(n):
        for t in range(k):
            if weights[v, t] > 0:
                start[neighbor_ids[v, t] + 1] += 1


@compiled
def _fill_incoming(neighbor_ids: np.ndarray, weights: np.ndarray, filled: np.ndarray, edge: np.ndarray) -> None:
    n, k = neighbor_ids.shape
    for v in range(n):
        for t in range(k):
            if weights[v, t] > 0:
                m = neighbor_ids[v, t]
                edge[filled[m]] = v * k + t
                filled[m] += 1


def find_touches(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, n_clusters: int, two_way: bool
) -> Touches:
    """Fill the table.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        Clusters 0..n_clusters-1.
    n_clusters : int
    two_way : bool
        Whether every edge counts in both directions, that is, whether the graph is W + Wᵀ.
    """
    in_start, in_edge = incoming_edges(neighbor_ids, weights)
    length = np.zeros(2 * n_clusters, np.int32)
    seen_by = np.full(n_clusters, -1, np.int32)
    _count_touches(neighbor_ids, weights, labels, in_start, in_edge, seen_by, length)
    n_touches = int(length.sum(dtype=np.int64))
    start = np.zeros(2 * n_clusters, np.int64)
    np.cumsum(length[: n_clusters - 1], out=start[1:n_clusters])
    # NumPy asks for huge pages where compiled code would not. Places that are never used take no memory.
    touch = np.empty(2 * n_touches, TOUCH)
    seen_by[:] = -1
    filled = start[:n_clusters].copy()
    _fill_touches(neighbor_ids, weights, labels, in_start, in_edge, filled, seen_by, touch)
    if two_way:
        touch["inward"][:n_touches] += touch["outward"][:n_touches]
        touch["outward"][:n_touches] = touch["inward"][:n_touches]
    return Touches(
        touch=touch,
        start=start,
        length=length,
        longer=np.full(2 * n_clusters, -1, np.int32),
        shortest=np.arange(n_clusters, dtype=np.int32),
        used=np.array([n_clusters, n_touches, n_touches + n_touches // 4]),
    )


@compiled
def _count_touches(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    in_start: np.ndarray,
    in_edge: np.ndarray,
    seen_by: np.ndarray,
    count: np.ndarray,
) -> None:
    n, k = neighbor_ids.shape
    for m in range(n):
        seen_by[labels[m]] = m
        for t in range(k):
            c = labels[neighbor_ids[m, t]]
            if weights[m, t] > 0 and seen_by[c] != m:
                seen_by[c] = m
                count[c] += 1
        for e in range(in_start[m], in_start[m + 1]):
            c = labels[in_edge[e] // k]
            if seen_by[c] != m:
                seen_by[c] = m
                count[c] += 1


@compiled
def _fill_touches(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    in_start: np.ndarray,
    in_edge: np.ndarray,
    filled: np.ndarray,
    seen_by: np.ndarray,
    touch: np.ndarray,
) -> None:
    """Write the touches of cluster c from place filled[c] on, by sample."""
    n, k = neighbor_ids.shape
    for m in range(n):
        own = labels[m]
        for t in range(k):
            c = labels[neighbor_ids[m, t]]
            if weights[m, t] > 0 and c != own:
                if seen_by[c] != m:
                    seen_by[c] = m
                    _begin(touch, filled, c, m)
                touch[filled[c] - 1].outward += weights[m, t]
        for e in range(in_start[m], in_start[m + 1]):
            v = in_edge[e] // k
            c = labels[v]
            if c != own:
                if seen_by[c] != m:
                    seen_by[c] = m
                    _begin(touch, filled, c, m)
                touch[filled[c] - 1].inward += weights[v, in_edge[e] - v * k]


@compiled
def _begin(touch: np.ndarray, filled: np.ndarray, c: int, m: int) -> None:
    place = touch[filled[c]]
    place.sample = m
    place.inward = 0
    place.outward = 0
    filled[c] += 1


@compiled
def merge_touches(
    touches: Touches, pairs: Pairs, clusters: np.ndarray, a: int, b: int, labels: np.ndarray, parent: np.ndarray
) -> None:
    """Give the touches of a to b, and add to S what only the two together have.

    S[b,d] += Σ_{m∈C_d} in_a(m)·out_b(m) + in_b(m)·out_a(m); the mark of d is its half (b,d), or -1.
    """
    run_a = touches.shortest[a]
    while run_a >= 0:
        run_b = touches.shortest[b]
        while run_b >= 0:
            if touches.length[run_a] < touches.length[run_b]:
                _add_common(touches, run_a, run_b, pairs, clusters, b, labels, parent)
            else:
                _add_common(touches, run_b, run_a, pairs, clusters, b, labels, parent)
            run_b = touches.longer[run_b]
        run_a = touches.longer[run_a]
    _pool_runs(touches, a, b)
    run, before = touches.shortest[b], -1
    while touches.longer[run] >= 0:
        after = touches.longer[run]
        if touches.length[after] <= 2 * touches.length[run] + SHORT:
            run = _combine(touches, run, after, b, labels, parent)
            if before >= 0:
                touches.longer[before] = run
            else:
                touches.shortest[b] = run
        else:
            run, before = after, run


@compiled
def _add_common(
    touches: Touches,
    short: int,
    long: int,
    pairs: Pairs,
    clusters: np.ndarray,
    b: int,
    labels: np.ndarray,
    parent: np.ndarray,
) -> None:
    touch = touches.touch
    i, j = touches.start[short], touches.start[long]
    end_i, end_j = i + touches.length[short], j + touches.length[long]
    uneven = touches.length[long] > UNEVEN * touches.length[short]
    while i < end_i and j < end_j:
        one, other = touch[i], touch[j]
        if one.sample == other.sample:
            common = np.float64(one.inward) * other.outward + np.float64(one.outward) * other.inward
            if common > 0:
                d = find(parent, labels[one.sample])
                if d != b:
                    if clusters[d].mark < 0:
                        clusters[d].mark = new_pair(pairs, clusters, b, d)
                    pairs.half[clusters[d].mark].s += common
            i += 1
            j += 1
        elif one.sample < other.sample:
            i += 1
        elif uneven:
            j = _search(touch, one.sample, j, end_j)
        else:
            j += 1


@compiled
def _search(touch: np.ndarray, sample: int, low: int, end: int) -> int:
    """Return the first place from ``low`` on with this sample or a larger one, in steps that double, then halve."""
    step = 1
    while low + step < end and touch[low + step].sample < sample:
        low += step
        step *= 2
    high = min(low + step, end)
    while low < high:
        middle = (low + high) // 2
        if touch[middle].sample < sample:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _pool_runs(touches: Touches, a: int, b: int) -> None:
    """Give the runs of a to b, in the order of their lengths."""
    longer, length = touches.longer, touches.length
    run_a, run_b = touches.shortest[a], touches.shortest[b]
    last = -1
    while run_a >= 0 or run_b >= 0:
        if run_b < 0 or (run_a >= 0 and length[run_a] < length[run_b]):
            run, run_a = run_a, longer[run_a]
        else:
            run, run_b = run_b, longer[run_b]
        if last < 0:
            touches.shortest[b] = run
        else:
            longer[last] = run
        last = run
    touches.shortest[a] = -1


@compiled
def _combine(touches: Touches, one: int, other: int, b: int, labels: np.ndarray, parent: np.ndarray) -> int:
    """Make one run of two, without the samples that are in b by now, and return it."""
    if touches.used[1] + touches.length[one] + touches.length[other] > touches.used[2]:
        _move_together(touches)
    touch = touches.touch
    i, j = touches.start[one], touches.start[other]
    end_i, end_j = i + touches.length[one], j + touches.length[other]
    start = place = touches.used[1]
    while i < end_i or j < end_j:
        if j == end_j or (i < end_i and touch[i].sample < touch[j].sample):
            source = touch[i]
            sample, inward, outward = source.sample, source.inward, source.outward
            i += 1
        else:
            source = touch[j]
            sample, inward, outward = source.sample, source.inward, source.outward
            j += 1
            if i < end_i and touch[i].sample == sample:
                inward += touch[i].inward
                outward += touch[i].outward
                i += 1
        if find(parent, labels[sample]) != b:
            target = touch[place]
            target.sample = sample
            target.inward = inward
            target.outward = outward
            place += 1
    run = touches.used[0]
    touches.used[0] = run + 1
    touches.used[1] = place
    touches.start[run] = start
    touches.length[run] = place - start
    touches.longer[run] = touches.longer[other]
    touches.length[one] = -1
    touches.length[other] = -1
    return run


@compiled
def _move_together(touches: Touches) -> None:
    place = np.int64(0)
    for run in range(touches.used[0]):
        if touches.length[run] >= 0:
            start = touches.start[run]
            touches.start[run] = place
            for i in range(start, start + touches.length[run]):
                if i != place:
                    touches.touch[place] = touches.touch[i]
                place += 1
    touches.used[1] = place
