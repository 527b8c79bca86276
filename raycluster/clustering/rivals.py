"""Other clusterings of the same vectors by well-known methods, to see what ours is worth."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from raycluster.errors import UserError
from raycluster.metrics.consensus import agreements
from raycluster.metrics.label_free import sample_rows, silhouette
from raycluster.options import Rival

FEWEST_ROWS = 10  # in a cluster of HDBSCAN, or as many as a row has neighbors


@dataclass(frozen=True)
class Graph:
    """What all methods get, as far as they use it.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, d)
    neighbors : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    n_clusters : int
        That of our clustering.
    """

    vectors: np.ndarray
    neighbors: np.ndarray
    weights: np.ndarray
    n_clusters: int


@dataclass(frozen=True)
class Compared:
    """What a clustering is worth without known classes.

    Attributes
    ----------
    clusters : int
    clustered : float
        Share of the rows that are in a cluster; some methods leave out what they take for noise.
    silhouette : float
        Of these rows, on a sample (:func:`raycluster.metrics.label_free.silhouette`).
    agreement : float
        Adjusted Rand index with ours, over all rows, those left out being one cluster.
    seconds : float or None
        None for ours.
    """

    clusters: int
    clustered: float
    silhouette: float
    agreement: float
    seconds: float | None


def check_installed(rivals: Sequence[Rival]) -> None:
    """Raise :class:`UserError` if a method's package is missing."""
    if "evoc" in rivals and importlib.util.find_spec("evoc") is None:
        raise UserError("--compare evoc needs the package evoc: pip install evoc.")


def cluster_by(rival: Rival, graph: Graph) -> tuple[np.ndarray, float]:
    """Return the clusters that another method finds, int32 [n], -1 for what it leaves out, and its seconds."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of components that no edge connects, and of defaults that will change
        labels = METHODS[rival](graph)
    return labels.astype(np.int32), time.perf_counter() - began


def compare(clusterings: dict[str, tuple[np.ndarray, float | None]], vectors: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return :class:`Compared` of each clustering, as dictionaries; the first one is ours.

    Parameters
    ----------
    clusterings : dict of str to (ndarray of int32 of shape (n,), float or None)
        Clusters, -1 for rows that are in none, and seconds.
    vectors : ndarray of float32, shape (n, d)
    """
    every = [labels for labels, _ in clusterings.values()]
    with_ours = agreements(every)[0]
    found = {}
    for (name, (labels, seconds)), agreement in zip(clusterings.items(), with_ours, strict=True):
        inside = np.flatnonzero(labels >= 0)
        rows = inside[sample_rows(len(inside))]
        score = silhouette(vectors[rows], labels[rows]) if len(rows) > 1 else 0.0
        share = len(inside) / len(labels)
        found[name] = asdict(Compared(len(np.unique(labels[inside])), share, score, float(agreement), seconds))
    return found


def _spectral(graph: Graph) -> np.ndarray:
    from sklearn.cluster import SpectralClustering

    n, k = graph.neighbors.shape
    starts = np.arange(0, n * k + 1, k, dtype=np.int32)
    edges = csr_array((graph.weights.ravel(), graph.neighbors.ravel(), starts), shape=(n, n))
    spectral = SpectralClustering(graph.n_clusters, affinity="precomputed", random_state=0)
    return np.asarray(spectral.fit_predict((edges + edges.T) / 2))


def _hdbscan(graph: Graph) -> np.ndarray:
    from sklearn.cluster import HDBSCAN

    fewest = min(max(FEWEST_ROWS, graph.neighbors.shape[1]), len(graph.vectors))
    return np.asarray(HDBSCAN(min_cluster_size=max(fewest, 2), copy=True).fit_predict(graph.vectors))


def _evoc(graph: Graph) -> np.ndarray:
    from evoc import EVoC

    return np.asarray(EVoC(random_state=0).fit_predict(graph.vectors))


METHODS: dict[Rival, Callable[[Graph], np.ndarray]] = {"spectral": _spectral, "hdbscan": _hdbscan, "evoc": _evoc}
