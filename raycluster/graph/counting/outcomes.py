"""What each suggested number of clusters would give: sizes, links cut, and what merges between one and the next."""

from __future__ import annotations

from typing import Any

import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.n_clusters import CLEAR, NClusters, clearness_of
from raycluster.graph.tree import MergeTree

VERY_CLEAR = 0.75
MAX_MERGES = 4
MAX_PARTS = 6
MAX_POINTS = 200


def describe(answer: NClusters, tree: MergeTree, neighbor_ids: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """Return the suggested numbers of clusters as plain data, for summaries and pages.

    Parameters
    ----------
    answer : NClusters
    tree : MergeTree
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)

    Returns
    -------
    dict
        ``alternatives``: the suggested numbers except the chosen one.

        ``suggestions``: a dictionary for each number, the chosen one first. ``n_clusters`` and ``reasons`` are those of
        the suggestion; ``clearness`` is a number, ``clear`` the same in words, and ``links_cut`` the share of edge
        weight that runs between clusters. ``largest``, ``median`` and ``smallest`` are sizes in rows. ``merges_to`` is
        the next lower suggestion, or None, and ``merges`` says how these clusters become those: a list for each new
        cluster, with ``size`` and a typical ``row`` of each of its parts, the largest part first, at most 6. The merges
        with the largest second parts come first, at most 4. ``more_parts`` counts the parts left out of each of these,
        ``more_merges`` the merges left out.

        ``scores``: pairs of a number of clusters and its score, at most 200, up to a few times the highest suggestion.
    """
    popularity = _popularity(neighbor_ids, weights)
    ascending = sorted(suggestion.n_clusters for suggestion in answer.suggestions)
    lower = dict(zip(ascending[1:], ascending[:-1], strict=True))
    rows = []
    for number, reasons in answer.suggestions:
        labels = tree.cut(number)
        sizes = np.bincount(labels)
        at = int(np.searchsorted(answer.tried, number))
        score, cut = float(answer.scores[at]), float(answer.cuts[at])
        clearness = clearness_of(score, cut)
        row: dict[str, Any] = {"n_clusters": number, "reasons": list(reasons), "clearness": clearness}
        row |= {"clear": clearness_in_words(clearness), "links_cut": cut}
        row |= {"largest": int(sizes.max()), "median": int(np.median(sizes)), "smallest": int(sizes.min())}
        merges = _merges(labels, tree.cut(lower[number]), popularity) if number in lower else []
        row |= {"merges_to": lower.get(number), "merges": [parts[:MAX_PARTS] for parts in merges[:MAX_MERGES]]}
        row["more_parts"] = [len(parts[MAX_PARTS:]) for parts in merges[:MAX_MERGES]]
        row["more_merges"] = len(merges[MAX_MERGES:])
        rows.append(row)
    return {"alternatives": answer.alternatives, "suggestions": rows, "scores": _curve(answer)}


def clearness_in_words(clearness: float) -> str:
    """Return "clear", "fairly clear" or "not clear"."""
    return "clear" if clearness >= VERY_CLEAR else "fairly clear" if clearness >= CLEAR else "not clear"


def _curve(answer: NClusters) -> list[list[float]]:
    """Return a part of the numbers tried, among them all suggestions, and their scores."""
    suggested = [suggestion.n_clusters for suggestion in answer.suggestions]
    last = int(np.searchsorted(answer.tried, max(2 * max(suggested), 4 * answer.chosen), side="right"))
    shown = np.unique(np.geomspace(1, max(last, 1), MAX_POINTS).astype(int)) - 1
    shown = np.union1d(shown, np.searchsorted(answer.tried, suggested))
    return [[int(answer.tried[i]), float(answer.scores[i])] for i in shown]


def _merges(fine: np.ndarray, coarse: np.ndarray, popularity: np.ndarray) -> list[list[dict[str, int]]]:
    """Return the parts of every coarse cluster that has several, the merges of large parts first."""
    sizes = np.bincount(fine)
    first = np.unique(fine, return_index=True)[1]
    typical = _most_popular(fine, popularity, len(sizes))
    into = coarse[first]
    found = []
    for cluster in np.flatnonzero(np.bincount(into) > 1):
        parts = np.flatnonzero(into == cluster)
        parts = parts[np.argsort(-sizes[parts], kind="stable")]
        found.append([{"size": int(sizes[part]), "row": int(typical[part])} for part in parts])
    return sorted(found, key=lambda parts: -parts[1]["size"])


@compiled
def _popularity(neighbor_ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weight with which others have each row as a neighbor, float64 [n]; typical rows have much."""
    popularity = np.zeros(len(neighbor_ids))
    for i in range(len(neighbor_ids)):
        for t in range(neighbor_ids.shape[1]):
            popularity[neighbor_ids[i, t]] += weights[i, t]
    return popularity


@compiled
def _most_popular(labels: np.ndarray, popularity: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return a row of every cluster."""
    best = np.full(n_clusters, -1, np.int64)
    for i in range(len(labels)):
        if best[labels[i]] < 0 or popularity[i] > popularity[best[labels[i]]]:
            best[labels[i]] = i
    return best
