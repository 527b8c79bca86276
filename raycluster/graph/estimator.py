"""Graph degree linkage with the interface of scikit-learn."""

from __future__ import annotations

import numbers
import warnings
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from raycluster.errors import UserError
from raycluster.graph.affinity import Affinity, sample_affinity
from raycluster.graph.linkage import link
from raycluster.graph.n_clusters import NClusters, rank_n_clusters
from raycluster.graph.neighbors.nearest import NeighborIndex, default_n_neighbors, neighbors_remark
from raycluster.graph.neighbors.sparse import nearest_from_sparse, neighbors_from_sparse
from raycluster.graph.stages.disconnected import count_components
from raycluster.graph.stages.first_clusters import first_clusters
from raycluster.graph.stages.small_groups import find_small_groups
from raycluster.graph.tree import MergeTree
from raycluster.graph.unit_length import scale_to_unit_length

Metric = Literal["euclidean", "cosine", "precomputed"]


class GraphDegreeLinkage(ClusterMixin, BaseEstimator):
    """Agglomerative clustering on the directed k-NN graph (Zhang et al., ECCV 2012), with JULE's local structure term.

    The published settings are ``n_neighbors=20, affinity="global", join_small_components=False,
    join_small_clusters=False``.

    Parameters
    ----------
    n_clusters : int or "auto"
        K. "auto" chooses it by the merge tree and its graph (:func:`raycluster.graph.n_clusters.rank_n_clusters`).
    n_neighbors : int or "auto"
        K_s. "auto" depends on n (:func:`raycluster.graph.neighbors.nearest.default_n_neighbors`), and clear groups
        that are smaller are found and kept (:func:`raycluster.graph.stages.small_groups.find_small_groups`). For a
        precomputed graph it keeps all neighbors, and nothing else. A warning says if there are fewer than K_s.
    sigma_scale : float
        a, the factor on σ² in the affinity of two samples.
    n_neighbor_clusters : int
        K_c, the number of neighboring clusters that the local structure term compares.
    local_structure : float
        λ, the weight of the local structure term; with 0, the pair with the highest affinity is merged.
    join_small_components : bool
        Whether small connected components, which have little or no affinity to other clusters, join their nearest
        cluster first; see :func:`raycluster.graph.stages.small_components.join_small_components`.
    join_small_clusters : bool
        Whether a few stray rows that are one of the K clusters join another one, where a larger cluster can take their
        place; see :func:`raycluster.graph.small_clusters.partition_of`. Not with ``n_clusters="auto"``, which counts
        them where they are clusters.
    affinity : {"local", "global"}
        One scale for each sample, or one for all; see :func:`raycluster.graph.affinity.sample_affinity`.
    metric : {"euclidean", "cosine", "precomputed"}
        "cosine" uses Euclidean distances of rows scaled to length 1. With "precomputed", a k-NN graph takes the place
        of the features: a sparse matrix [n, n] of plain, not squared, distances, such as
        ``sklearn.neighbors.kneighbors_graph(X, 20, mode="distance")``. Its rows may have different numbers of
        neighbors.

    Attributes
    ----------
    labels_ : ndarray of int32, shape (n,)
    n_clusters_ : int
        K, given or chosen.
    ranking_ : NClusters or None
        With ``n_clusters="auto"``: ``ranking_.suggestions`` are the number chosen and other plausible ones, best first,
        with their reasons; ``ranking_.alternatives`` are the other numbers alone. If ``ranking_.clearness`` is below
        about 0.5, there are no clear clusters, and a warning says so.
    tree_ : MergeTree
        All merges up to a single cluster; ``tree_.partition(k, X).labels`` gives any other number of clusters.
    children_ : ndarray of int32, shape (n - 1, 2)
        The merges; merge i makes node n + i.
    affinities_ : ndarray of float64, shape (n - 1,)
    n_leaves_ : int
    n_connected_components_ : int
        The number of connected components of the k-NN graph. If it exceeds K, some are joined without affinity.
    n_features_in_ : int
    search_ : Search
        Whether the search for neighbors was exact. Not present with ``metric="precomputed"``.
    """

    def __init__(
        self,
        n_clusters: int | Literal["auto"] = 2,
        n_neighbors: int | Literal["auto"] = "auto",
        sigma_scale: float = 1.0,
        n_neighbor_clusters: int = 5,
        local_structure: float = 1.0,
        join_small_components: bool = True,
        join_small_clusters: bool = True,
        affinity: Affinity = "local",
        metric: Metric = "euclidean",
    ) -> None:
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.sigma_scale = sigma_scale
        self.n_neighbor_clusters = n_neighbor_clusters
        self.local_structure = local_structure
        self.join_small_components = join_small_components
        self.join_small_clusters = join_small_clusters
        self.affinity = affinity
        self.metric = metric

    def fit(self, X: Any, y: object = None) -> GraphDegreeLinkage:
        """Cluster the rows of ``X``, float [n, d] or a precomputed graph; ``y`` is ignored."""
        X = self._validated(X, ensure_min_samples=2)
        n = X.shape[0]
        k = self.n_clusters
        if k != "auto" and not (isinstance(k, numbers.Integral) and 1 <= k <= n):
            raise UserError(f"n_clusters={k!r} of {n} samples: choose a whole number from 1 to {n}, or 'auto'.")
        k_s = self.n_neighbors
        if k_s != "auto" and not (isinstance(k_s, numbers.Integral) and k_s >= 1):
            raise UserError(f"n_neighbors={k_s!r}: choose a whole number of at least 1, or 'auto'.")
        if self.metric == "precomputed":
            self.__dict__.pop("search_", None)  # left by an earlier fit
            ids, distances = neighbors_from_sparse(X, None if k_s == "auto" else k_s)
        else:
            remark = neighbors_remark(None if k_s == "auto" else k_s, n)
            if remark:
                warnings.warn(remark, stacklevel=2)
            self._index = NeighborIndex(X, default_n_neighbors(n) if k_s == "auto" else k_s)
            self.search_ = self._index.search
            ids, distances = self._index.rows()
        groups = None
        if k_s == "auto" and self.metric != "precomputed":
            groups = find_small_groups(ids, distances, self.sigma_scale, self.affinity)
        weights = sample_affinity(distances, self.sigma_scale, self.affinity)
        features = None if self.metric == "precomputed" else X
        self.tree_: MergeTree = link(
            ids,
            weights,
            first_clusters(ids),
            n_neighbor_clusters=self.n_neighbor_clusters,
            local_structure=self.local_structure,
            join_small_components=self.join_small_components,
            features=features,
            groups=groups,
        )
        self.ranking_: NClusters | None = None
        if self.n_clusters == "auto":
            self.ranking_ = rank_n_clusters(self.tree_, ids, weights, groups=groups, features=features)
            self.n_clusters_ = self.ranking_.chosen
            for remark in self.ranking_.remarks:
                warnings.warn(remark, stacklevel=2)
        else:
            self.n_clusters_ = self.n_clusters
        join_small = self.join_small_clusters and self.n_clusters != "auto"  # which chose K with the small ones
        self.labels_ = self.tree_.partition(self.n_clusters_, features, join_small).labels
        self.children_ = self.tree_.children
        self.affinities_ = self.tree_.affinity
        self.n_leaves_ = n
        self.n_connected_components_ = count_components(ids)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the clusters of new points, each that of its nearest fitted row.

        As far as the point itself is concerned, this is what ``fit`` would do: its first step puts every sample into
        one cluster with its nearest neighbor, and no merge separates the two. Fitted rows are therefore predicted as
        they were clustered, even if each one is compared only with the others. (Votes among all K_s neighbors, and
        affinities A({x}, C) on the graph with x added, agree less with a clustering of old and new points together.)

        Parameters
        ----------
        X : array-like of float, shape (m, d)
            With ``metric="precomputed"``, a sparse matrix [m, n] of distances to fitted rows, at least one for each
            point. Stored entries count even if they are 0.

        Returns
        -------
        ndarray of int32, shape (m,)
        """
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        nearest = nearest_from_sparse(X) if self.metric == "precomputed" else self._index.of(X)[0][:, 0]
        return self.labels_[nearest]

    def _validated(self, X: Any, **checks: Any) -> Any:
        """Return float32 [n, d], scaled to length 1 for the cosine, or a CSR matrix of distances."""
        if self.metric == "precomputed":
            if not hasattr(X, "tocsr"):
                raise UserError(
                    "metric='precomputed' takes a sparse matrix, such as kneighbors_graph(mode='distance')."
                )
            return validate_data(self, X, accept_sparse="csr", dtype=np.float64, **checks)
        X = validate_data(self, X, dtype=np.float32, **checks)
        if self.metric == "euclidean":
            return X
        if self.metric != "cosine":
            raise UserError(f"metric={self.metric!r}: choose 'euclidean', 'cosine' or 'precomputed'.")
        X = X.copy()
        has_direction = scale_to_unit_length(X)
        if not has_direction.all():
            raise UserError(
                f"{(~has_direction).sum()} of {len(X)} rows are all 0 and have no direction: leave them out, or choose "
                "metric='euclidean'."
            )
        return X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = tags.input_tags.sparse = self.metric == "precomputed"
        return tags
