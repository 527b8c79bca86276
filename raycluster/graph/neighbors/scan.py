"""Comparing many queries with many rows at a time: products of matrices, and the best of every query kept in a heap."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled, compiled_with

PIECE = 512  # rows of a list that are compared at a time; their products with 4,096 queries take 8 MB


@compiled
def scan_lists(
    queries: np.ndarray,
    probes: np.ndarray,
    start: np.ndarray,
    rows: np.ndarray,
    norms: np.ndarray,
    first: int,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Compare every query with the rows of its lists, and put those that are near into its heap.

    A search of list after list for every query would wait for memory. Here, list after list is multiplied with all of
    its queries, which takes a tenth of the time.

    Parameters
    ----------
    queries : ndarray of float32, shape (m, d)
    probes : ndarray of int, shape (m, p)
        The lists to search for every query.
    start : ndarray of int64, shape (n_lists + 1,)
        List i has the rows from start[i] to start[i + 1].
    rows : ndarray of float32, shape (n, d)
    norms : ndarray of float32, shape (n,)
        Squared lengths of the rows.
    first : int
        The number of the first row.
    ids, scores : ndarrays of int32 and float32, shape (m, k)
        Heaps, the largest score first: numbers of rows, and |row|² - 2 row·query, which is the squared distance but for
        |query|². At first they are filled with -1 and infinity; they are changed.
    """
    n_lists = len(start) - 1
    end = np.zeros(n_lists + 1, np.int64)
    for i in probes.flat:
        end[i + 1] += 1
    end = np.cumsum(end)
    asking = np.empty(probes.size, np.int32)  # the queries of every list
    at = end[:-1].copy()
    for q in range(len(probes)):
        for t in range(probes.shape[1]):
            asking[at[probes[q, t]]] = q
            at[probes[q, t]] += 1
    for i in range(n_lists):
        of_list = asking[end[i] : end[i + 1]]
        if len(of_list) == 0:
            continue
        together = queries[of_list]
        for piece in range(start[i], start[i + 1], PIECE):
            stop = min(piece + PIECE, start[i + 1])
            products = np.dot(together, rows[piece:stop].T)
            _offer(products, norms[piece:stop], of_list, first + piece, ids, scores)


@compiled_with(error_model="numpy")
def _offer(
    products: np.ndarray, norms: np.ndarray, of_list: np.ndarray, first: int, ids: np.ndarray, scores: np.ndarray
) -> None:
    for a in range(len(of_list)):
        heap_ids, heap = ids[of_list[a]], scores[of_list[a]]
        for b in range(len(norms)):
            score = norms[b] - np.float32(2) * products[a, b]
            if score < heap[0]:
                _replace_largest(heap_ids, heap, first + b, score)


@compiled_with(error_model="numpy")
def _replace_largest(ids: np.ndarray, heap: np.ndarray, row: int, score: float) -> None:
    place, child = 0, 1
    while child < len(heap):
        if child + 1 < len(heap) and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= score:
            break
        heap[place], ids[place] = heap[child], ids[child]
        place, child = child, 2 * child + 1
    heap[place], ids[place] = score, row


class Nearest:
    """The rows found nearest to some queries so far.

    Parameters
    ----------
    queries : ndarray of float32, shape (m, d)
    k : int

    Attributes
    ----------
    ids : ndarray of int32, shape (m, k)
        In no particular order; -1 where fewer than k rows have been compared.
    scores : ndarray of float32, shape (m, k)
        Squared distances, but for the squared length of the query.
    """

    def __init__(self, queries: np.ndarray, k: int) -> None:
        self._queries = queries
        self.ids = np.full((len(queries), k), -1, np.int32)
        self.scores = np.full((len(queries), k), np.inf, np.float32)

    def compare(self, rows: np.ndarray, norms: np.ndarray, first: int = 0) -> Nearest:
        """Compare with rows (float32 [n, d]) of known squared lengths, numbered from ``first``."""
        everywhere = np.zeros((len(self._queries), 1), np.int32)
        return self.compare_lists(everywhere, np.array([0, len(rows)]), rows, norms, first)

    def compare_lists(
        self, probes: np.ndarray, start: np.ndarray, rows: np.ndarray, norms: np.ndarray, first: int = 0
    ) -> Nearest:
        """Compare every query with the rows of its lists; the arguments are those of :func:`scan_lists`."""
        scan_lists(self._queries, np.ascontiguousarray(probes), start, rows, norms, first, self.ids, self.scores)
        return self


def squared_lengths(rows: np.ndarray) -> np.ndarray:
    """Return |row|² of every row, float32 [n]."""
    return np.einsum("ij,ij->i", rows, rows)
