"""Approximate search in lists of rows: k-means makes the lists, and only those nearest to a query are searched.

Long vectors are projected to their principal components first. That loses some neighbors, so that more rows than wanted
are found, of which exact distances pick the best. How many components and how many lists it takes is measured on a
sample of rows whose neighbors are known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import faiss
import numpy as np

from raycluster.graph.neighbors.flat import centered_blocks
from raycluster.graph.neighbors.known_neighbors import KnownNeighbors, know_neighbors, nearest_of_all
from raycluster.graph.neighbors.scan import Nearest, squared_lengths
from raycluster.graph.neighbors.search import SELECTION, Search

COMPONENTS = 96  # at first
MOST_COMPONENTS = 0.75  # of the length of the vectors; with more, little would be saved
MORE_CANDIDATES = 2  # than are wanted, if rows are projected
STEP = 1.5  # by which the numbers of components and of probed lists grow
MIN_PROJECTED_RECALL = 0.995
MIN_RECALL = 0.99
MOST_COST = 0.5  # of that of an exact search
MOST_COARSENESS = 0.01  # of the squared distance to the farthest neighbor
FEWEST_PROBES = 8
PCA_SAMPLE = 20_000
ROWS_PER_CENTROID = 64  # for k-means
FEWEST_ROWS_PER_CENTROID = 39  # FAISS warns if there are fewer


@dataclass(frozen=True)
class Lists:
    """Rows in lists, ready for a search.

    Attributes
    ----------
    mean : ndarray of float32, shape (d,)
    components : ndarray of float32, shape (d, c), or None
        What centered rows are projected with; None if they are not.
    rows : ndarray of float32, shape (n, c)
        Centered and projected, list after list.
    norms : ndarray of float32, shape (n,)
        Their squared lengths.
    order : ndarray of int32, shape (n,)
        Their numbers before they were put in lists.
    start : ndarray of int64, shape (n_lists + 1,)
        Where each list starts in ``rows``.
    centroids : ndarray of float32, shape (n_lists, c)
    n_probes : int
        How many lists are searched for every query.
    """

    mean: np.ndarray
    components: np.ndarray | None
    rows: np.ndarray
    norms: np.ndarray
    order: np.ndarray
    start: np.ndarray
    centroids: np.ndarray
    n_probes: int

    def candidates(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Return rows among which the k nearest to every query are, mostly: int32 [m, at least k], -1 for none.

        There are at least k for every query, if there are k rows.

        Parameters
        ----------
        queries : ndarray of float32, shape (m, d)
        k : int
        """
        projected = project(queries - self.mean, self.components)
        wanted = number_wanted(k, self.components)
        near = Nearest(projected, wanted)
        probes = self.lists_near(projected)
        for nearest_first in (
            probes[:, :1],
            probes[:, 1:],
        ):  # the first fills the heaps with rows that are hard to beat
            near.compare_lists(nearest_first, self.start, self.rows, self.norms)
        short = np.flatnonzero((near.ids >= 0).sum(axis=1) < k)
        near.ids[short] = Nearest(projected[short], wanted).compare(self.rows, self.norms).ids
        return np.where(near.ids < 0, np.int32(-1), self.order[near.ids])

    def cost(self, queries: np.ndarray) -> float:
        """Return what a search costs for each query, in the units of an exact search: rows times dimensions."""
        n_rows = np.diff(self.start)[self.lists_near(project(queries - self.mean, self.components))].sum(axis=1)
        return float(n_rows.mean()) * (self.rows.shape[1] + SELECTION)

    def lists_near(self, projected: np.ndarray) -> np.ndarray:
        """Return the ``n_probes`` lists whose centroids are nearest, int32 [m, n_probes], the nearest one first."""
        near = Nearest(projected, self.n_probes).compare(self.centroids, squared_lengths(self.centroids))
        return np.take_along_axis(near.ids, near.scores.argsort(axis=1), axis=1)


def build_lists(features: np.ndarray, mean: np.ndarray, k: int, seed: int) -> tuple[Lists | None, Search]:
    """Choose the components, fill the lists, and then search more and more of them until the recall is good enough.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    mean : ndarray of float32, shape (d,)
    k : int
        How many rows to find for each row.
    seed : int
        Seed of the k-means, and of the samples.

    Returns
    -------
    lists : Lists or None
        None if so many rows would have to be searched that an exact search costs less. This happens if the features
        have no structure, or most rows are identical.
    search : Search
    """
    rng = np.random.default_rng(seed)
    known = know_neighbors(features, mean, k, rng)
    if _is_imprecise(known, mean):
        rows = rng.choice(len(features), min(PCA_SAMPLE, len(features)), replace=False)
        mean = np.median(features[rows], axis=0).astype(np.float32)
        known = know_neighbors(features, mean, k, rng)
    lists = _fill(mean, *_project_all(known, mean, rng), seed)
    n_lists = len(lists.centroids)
    while lists.cost(known.queries) <= MOST_COST * len(features) * (features.shape[1] + SELECTION):
        recall = known.recall(lists.candidates(known.queries, k))
        if recall >= MIN_RECALL or lists.n_probes == n_lists:
            return lists, Search("lists", recall, n_lists, lists.n_probes)
        lists = replace(lists, n_probes=min(int(STEP * lists.n_probes), n_lists))
    return None, Search()


def _is_imprecise(known: KnownNeighbors, mean: np.ndarray) -> bool:
    """Return whether products of rows minus the mean, in float32, are too coarse for the distances between neighbors.

    They are if a few rows far away have drawn the mean away from all others.
    """
    coarseness = np.finfo(np.float32).eps * np.median(squared_lengths(known.queries - mean))
    return bool(coarseness > MOST_COARSENESS * np.median(known.farthest))


def project(centered: np.ndarray, components: np.ndarray | None) -> np.ndarray:
    """Project centered rows to the components, if there are any."""
    return centered if components is None else centered @ components


def number_wanted(k: int, components: np.ndarray | None) -> int:
    """Return how many rows to find if k are needed."""
    return k if components is None else math.ceil(MORE_CANDIDATES * k)


def _project_all(
    known: KnownNeighbors, mean: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return as many components as it takes to keep the neighbors, and all rows projected to them."""
    features = known.features
    n, d = features.shape
    sizes = [int(COMPONENTS * STEP**i) for i in range(20)]
    sizes = [size for size in sizes if size <= MOST_COMPONENTS * d]
    if sizes:
        sample = features[np.sort(rng.choice(n, min(PCA_SAMPLE, n), replace=False))] - mean
        sample /= np.abs(sample).max() or 1  # so that squares of large numbers do not overflow
        principal = np.linalg.eigh(sample.T @ sample)[1][:, ::-1]
    for size in sizes:
        components = np.ascontiguousarray(principal[:, :size])
        rows = np.concatenate([block @ components for block in centered_blocks(features, mean)])
        queries = project(known.queries - mean, components)
        if known.recall(nearest_of_all(queries, rows, number_wanted(known.k, components))) >= MIN_PROJECTED_RECALL:
            return components, rows
    return None, features - mean


def _fill(mean: np.ndarray, components: np.ndarray | None, rows: np.ndarray, seed: int) -> Lists:
    n, size = rows.shape
    n_lists = max(1, min(int(2 * n**0.5), n // FEWEST_ROWS_PER_CENTROID))
    kmeans = faiss.Kmeans(size, n_lists, niter=10, seed=seed, max_points_per_centroid=ROWS_PER_CENTROID)
    kmeans.train(rows)
    centroids = np.asarray(kmeans.centroids)
    list_of = faiss.knn(rows, centroids, 1)[1][:, 0]
    order = np.argsort(list_of, kind="stable").astype(np.int32)
    start = np.append(0, np.cumsum(np.bincount(list_of, minlength=n_lists)))
    rows, n_probes = rows[order], min(FEWEST_PROBES, n_lists)
    return Lists(mean, components, rows, squared_lengths(rows), order, start, centroids, n_probes)
