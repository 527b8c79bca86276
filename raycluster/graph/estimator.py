"""Graph degree linkage behind scikit-learn's interface."""

from __future__ import annotations

from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from raycluster.errors import UserError
from raycluster.graph.affinity import Affinity, sample_affinity
from raycluster.graph.linkage import link
from raycluster.graph.neighbors import nearest_neighbors
from raycluster.graph.pieces import first_clusters
from raycluster.graph.tree import MergeTree


def default_n_neighbors(n: int, n_clusters: int) -> int:
    """Return K_s = n/(10 K), not below 10 and not above 100: a tenth of a cluster of average size."""
    return int(np.clip(n // (10 * n_clusters), 10, 100))


class GraphDegreeLinkage(ClusterMixin, BaseEstimator):
    """Agglomerative clustering on the directed k-NN graph (Zhang et al., ECCV 2012; with JULE's local structure term).

    The published settings are ``n_neighbors=20, affinity="global", join_pieces=False``.

    Parameters
    ----------
    n_clusters : int
        K.
    n_neighbors : int or "auto"
        K_s. "auto" follows the expected cluster size (:func:`default_n_neighbors`).
    sigma_scale : float
        a.
    n_neighbor_clusters : int
        K_c.
    local_structure : float
        λ; 0 merges the pair with the highest affinity.
    join_pieces : bool
        Whether small pieces without affinity join their nearest cluster first; see
        :func:`raycluster.graph.pieces.join_small_pieces`.
    affinity : {"local", "global"}
        One scale for each sample, or one for all; see :func:`raycluster.graph.affinity.sample_affinity`.

    Attributes
    ----------
    labels_ : ndarray of int32, shape (n,)
    tree_ : MergeTree
        All merges up to one cluster; ``tree_.cut(k)`` gives any other number of clusters.
    children_ : ndarray of int32, shape (n - 1, 2)
        The merges; merge i makes node n + i.
    affinities_ : ndarray of float64, shape (n - 1,)
    n_leaves_ : int
    n_features_in_ : int
    """

    def __init__(
        self,
        n_clusters: int = 2,
        n_neighbors: int | Literal["auto"] = "auto",
        sigma_scale: float = 1.0,
        n_neighbor_clusters: int = 5,
        local_structure: float = 1.0,
        join_pieces: bool = True,
        affinity: Affinity = "local",
    ) -> None:
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.sigma_scale = sigma_scale
        self.n_neighbor_clusters = n_neighbor_clusters
        self.local_structure = local_structure
        self.join_pieces = join_pieces
        self.affinity = affinity

    def fit(self, X: np.ndarray, y: object = None) -> GraphDegreeLinkage:
        """Cluster the rows of ``X`` (float [n, d]); ``y`` is ignored."""
        X = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        n = len(X)
        if not 1 <= self.n_clusters <= n:
            raise UserError(f"n_clusters={self.n_clusters} of {n} samples: choose 1 to {n}.")
        k = default_n_neighbors(n, self.n_clusters) if self.n_neighbors == "auto" else self.n_neighbors
        ids, distances = nearest_neighbors(X, k)
        weights = sample_affinity(distances, self.sigma_scale, self.affinity)
        self.tree_: MergeTree = link(
            ids,
            weights,
            first_clusters(ids),
            n_neighbor_clusters=self.n_neighbor_clusters,
            local_structure=self.local_structure,
            join_pieces=self.join_pieces,
            features=X,
        )
        self.labels_ = self.tree_.cut(self.n_clusters)
        self.children_ = self.tree_.children
        self.affinities_ = self.tree_.affinity
        self.n_leaves_ = n
        return self
