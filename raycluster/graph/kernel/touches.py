"""Which samples a cluster touches by an edge, and how strongly: the table behind the exact update of affinities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean
from raycluster.graph.kernel.disjoint_set import find
from raycluster.graph.kernel.marks import Marks
from raycluster.graph.kernel.pair_lookup import PairLookup
from raycluster.graph.kernel.pairs import Pairs, mark_new, marked_half, new_pair

TOUCH = np.dtype([("sample", np.int32), ("inward", np.float32), ("outward", np.float32)])
SHORT_RUN = 32  # touches; shorter runs are always merged
GALLOP_RATIO = 8  # of the lengths of two runs, above which searching the longer one takes fewer steps than walking it


class Touches(NamedTuple):
    """For every cluster C, the samples m outside it that an edge connects with it, in either direction.

    A touch holds inward = in_C(m) = Σ_{v∈C} W[v,m] and outward = out_C(m) = Σ_{v∈C} W[m,v]. The touches of a cluster
    are stored in a few *runs*, each sorted by sample and about twice as long as the one before. If a sample is in
    several runs of a cluster, its sums are split among them. Two clusters are merged by walking along their runs, so
    that memory is read in order. Space that runs no longer need is reclaimed by moving the others together.
    """

    touch: np.ndarray  # TOUCH [capacity]
    start: np.ndarray  # int64 [2c], run r is touch[start[r] : start[r] + length[r]], in the order of r
    length: np.ndarray  # int32 [2c], -1 if the run is no longer needed
    longer: np.ndarray  # int32 [2c], the next longer run of the same cluster, or -1
    shortest: np.ndarray  # int32 [c], the shortest run of every cluster
    used: np.ndarray  # int64 [3], runs used, touches used, and how many touches may be used before compacting


def incoming_edges(neighbor_ids: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reverse the graph, leaving out edges of weight 0.

    Returns
    -------
    start : ndarray of int64, shape (n + 1,)
    edge : ndarray of int32, shape (e,)
        The edges into m are edge[start[m]] to edge[start[m + 1] - 1]; the edge from v to its neighbor t is v k + t.
    """
    start = np.zeros(len(neighbor_ids) + 1, np.int64)
    _count_incoming(neighbor_ids, weights, start)
    np.cumsum(start, out=start)
    edge = np.empty(start[-1], np.int32)
    _fill_incoming(neighbor_ids, weights, start[:-1].copy(), edge)
    return start, edge


@compiled_lean
def _count_incoming(neighbor_ids: np.ndarray, weights: np.ndarray, start: np.ndarray) -> None:
    n, k = neighbor_ids.shape
    for v in range(n):
        for t in range(k):
            if weights[v, t] > 0:
                start[neighbor_ids[v, t] + 1] += 1


@compiled_lean
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
    """Return the touches of the first clusters, each in one run.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        Clusters 0..n_clusters-1.
    n_clusters : int
    two_way : bool
        Whether every edge counts in both directions, so that the graph is W + Wᵀ.
    """
    in_start, in_edge = incoming_edges(neighbor_ids, weights)
    length = np.zeros(2 * n_clusters, np.int32)
    seen_by = np.full(n_clusters, -1, np.int32)
    _count_touches(neighbor_ids, weights, labels, in_start, in_edge, seen_by, length)
    n_touches = int(length.sum(dtype=np.int64))
    start = np.zeros(2 * n_clusters, np.int64)
    np.cumsum(length[: n_clusters - 1], out=start[1:n_clusters])
    # NumPy asks for huge pages, compiled code would not. Entries that are never used take no memory.
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


@compiled_lean
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


@compiled_lean
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
    """Write the touches of each cluster c, sorted by sample, from entry filled[c] on."""
    n, k = neighbor_ids.shape
    for m in range(n):
        own = labels[m]
        for t in range(k):
            c = labels[neighbor_ids[m, t]]
            if weights[m, t] > 0 and c != own:
                if seen_by[c] != m:
                    seen_by[c] = m
                    _new_touch(touch, filled, c, m)
                touch[filled[c] - 1].outward += weights[m, t]
        for e in range(in_start[m], in_start[m + 1]):
            v = in_edge[e] // k
            c = labels[v]
            if c != own:
                if seen_by[c] != m:
                    seen_by[c] = m
                    _new_touch(touch, filled, c, m)
                touch[filled[c] - 1].inward += weights[v, in_edge[e] - v * k]


@compiled_lean
def _new_touch(touch: np.ndarray, filled: np.ndarray, c: int, m: int) -> None:
    entry = touch[filled[c]]
    entry.sample = m
    entry.inward = 0
    entry.outward = 0
    filled[c] += 1


@compiled_lean
def merge_touches(
    touches: Touches,
    pairs: Pairs,
    lookup: PairLookup,
    marks: Marks,
    clusters: np.ndarray,
    a: int,
    b: int,
    labels: np.ndarray,
    parent: np.ndarray,
) -> None:
    """Move the touches of a to b, and add to S the products that exist only for the two together.

    S[b,d] += Σ_{m∈C_d} in_a(m)·out_b(m) + in_b(m)·out_a(m). Each such d is marked with the half (b,d); pairs that are
    missing are created.
    """
    run_a = touches.shortest[a]
    while run_a >= 0:
        run_b = touches.shortest[b]
        while run_b >= 0:
            if touches.length[run_a] < touches.length[run_b]:
                _add_common_samples(touches, run_a, run_b, pairs, lookup, marks, clusters, b, labels, parent)
            else:
                _add_common_samples(touches, run_b, run_a, pairs, lookup, marks, clusters, b, labels, parent)
            run_b = touches.longer[run_b]
        run_a = touches.longer[run_a]
    _move_runs(touches, a, b)
    run, before = touches.shortest[b], -1
    while touches.longer[run] >= 0:
        after = touches.longer[run]
        if touches.length[after] <= 2 * touches.length[run] + SHORT_RUN:
            run = _merge_runs(touches, run, after, b, labels, parent)
            if before >= 0:
                touches.longer[before] = run
            else:
                touches.shortest[b] = run
        else:
            run, before = after, run


@compiled_lean
def _add_common_samples(
    touches: Touches,
    short: int,
    long: int,
    pairs: Pairs,
    lookup: PairLookup,
    marks: Marks,
    clusters: np.ndarray,
    b: int,
    labels: np.ndarray,
    parent: np.ndarray,
) -> None:
    touch = touches.touch
    i, j = touches.start[short], touches.start[long]
    end_i, end_j = i + touches.length[short], j + touches.length[long]
    gallops = touches.length[long] > GALLOP_RATIO * touches.length[short]
    while i < end_i and j < end_j:
        one, other = touch[i], touch[j]
        if one.sample == other.sample:
            common = np.float64(one.inward) * other.outward + np.float64(one.outward) * other.inward
            if common > 0:
                d = find(parent, labels[one.sample])
                if d != b:
                    half = marked_half(lookup, marks, clusters, b, d)
                    if half < 0:
                        half = new_pair(pairs, clusters, b, d)
                        mark_new(lookup, marks, clusters, b, d, half)
                    pairs.half[half].s += common
            i += 1
            j += 1
        elif one.sample < other.sample:
            i += 1
        elif gallops:
            j = _gallop(touch, one.sample, j, end_j)
        else:
            j += 1


@compiled_lean
def _gallop(touch: np.ndarray, sample: int, low: int, end: int) -> int:
    """Return the first entry from ``low`` on with this sample or a larger one, by steps that double, then halve."""
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


@compiled_lean
def count_touches(touches: Touches, i: int) -> int:
    """Return how many touches the runs of i have."""
    count = 0
    run = touches.shortest[i]
    while run >= 0:
        count += touches.length[run]
        run = touches.longer[run]
    return count


@compiled_lean
def _move_runs(touches: Touches, a: int, b: int) -> None:
    """Move the runs of a to b, keeping the runs in the order of their lengths."""
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


@compiled_lean
def _merge_runs(touches: Touches, one: int, other: int, b: int, labels: np.ndarray, parent: np.ndarray) -> int:
    """Merge two runs into a new one, without the samples that are in b by now, and return it."""
    if touches.used[1] + touches.length[one] + touches.length[other] > touches.used[2]:
        _compact(touches)
    touch = touches.touch
    i, j = touches.start[one], touches.start[other]
    end_i, end_j = i + touches.length[one], j + touches.length[other]
    start = entry = touches.used[1]
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
            target = touch[entry]
            target.sample = sample
            target.inward = inward
            target.outward = outward
            entry += 1
    run = touches.used[0]
    touches.used[0] = run + 1
    touches.used[1] = entry
    touches.start[run] = start
    touches.length[run] = entry - start
    touches.longer[run] = touches.longer[other]
    touches.length[one] = -1
    touches.length[other] = -1
    return run


@compiled_lean
def _compact(touches: Touches) -> None:
    """Move all runs that are still needed to the front, in their order."""
    entry = np.int64(0)
    for run in range(touches.used[0]):
        if touches.length[run] >= 0:
            start = touches.start[run]
            touches.start[run] = entry
            for i in range(start, start + touches.length[run]):
                if i != entry:
                    touches.touch[entry] = touches.touch[i]
                entry += 1
    touches.used[1] = entry
