"""The settings of the graph and the merging, shared by every method and job that clusters with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raycluster.errors import check_setting
from raycluster.graph.affinity import Affinity, sample_affinity
from raycluster.reproduction_only import Reproduction

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from raycluster.graph.stages.isolated import IsolatedRule
    from raycluster.graph.stages.small_groups import SmallGroups
    from raycluster.graph.tree import MergeTree

RENAMED = {"join_pieces": "join_small_components"}  # settings that had another name in earlier versions
# Settings that earlier versions did not have, and what these versions did.
ADDED = {
    "join_small_clusters": False,
    "join_isolated_clusters": False,
    "metric": "cosine",
    "classifier": False,
}


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """The settings of graph degree linkage, with the papers' symbols."""

    n_neighbors: int | None = None
    """K_s, neighbors of each point in the graph. Default: 1.2 n^(1/3), from 10 to 100, and
    clear groups of fewer rows are kept together."""
    affinity: Reproduction[Affinity] = "local"
    """One σ for each point (local), or one for all points (global), as in the paper."""
    sigma_scale: float = 1.0
    """a, the factor on σ² in the affinity of two points."""
    n_neighbor_clusters: int = 5
    """K_c, neighboring clusters in the local structure term."""
    local_structure: float = 1.0
    """λ, the weight of the local structure term."""
    join_small_components: Reproduction[bool] = True
    """Join small connected components to their nearest cluster first; the paper does not."""
    join_small_clusters: Reproduction[bool] = True
    """Let a few stray rows join another cluster, where a larger one can take their place among the K; the paper does
    not."""

    def __post_init__(self) -> None:
        """Check that every setting makes sense."""
        check_setting("n_neighbors", self.n_neighbors, self.n_neighbors is None or self.n_neighbors >= 1, "at least 1")
        check_setting("affinity", self.affinity, self.affinity in ("local", "global"), "local or global")
        check_setting("sigma_scale", self.sigma_scale, self.sigma_scale > 0, "a number above 0")
        check_setting("n_neighbor_clusters", self.n_neighbor_clusters, self.n_neighbor_clusters >= 1, "at least 1")
        check_setting("local_structure", self.local_structure, self.local_structure >= 0, "0 or more")

    @property
    def against_chaining(self) -> str:
        """What to try if most rows are in one cluster."""
        other = ", or --affinity local" if self.affinity == "global" else ""
        return f"the clusters have chained together; try fewer --n-neighbors{other}"

    def neighbors_of(self, n: int) -> int:
        """Return K_s for n rows."""
        from raycluster.graph.neighbors.nearest import default_n_neighbors

        return self.n_neighbors or default_n_neighbors(n)

    def build_tree(
        self,
        ids: np.ndarray,
        sq_distances: np.ndarray,
        features: np.ndarray | None,
        labels: np.ndarray | None = None,
        isolated: IsolatedRule | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[MergeTree, np.ndarray, SmallGroups | None]:
        """Weight the edges, and merge from ``labels``, or from the first clusters, up to the root.

        Unless K_s was set, clear groups that are smaller than it are looked for, and merged first.

        Parameters
        ----------
        ids, sq_distances : ndarray, shape (n, k)
            From :func:`raycluster.graph.neighbors.nearest.nearest_neighbors`.
        features, isolated, progress
            As for :func:`raycluster.graph.linkage.link`.
        labels : ndarray of int, shape (n,), optional
            The clusters to begin with; by default, the first clusters of the graph.

        Returns
        -------
        tree : MergeTree
        weights : ndarray of float32, shape (n, k)
        groups : SmallGroups or None
            None if there are no such groups.
        """
        from raycluster.graph.linkage import link
        from raycluster.graph.stages.first_clusters import first_clusters
        from raycluster.graph.stages.small_groups import find_small_groups

        groups = None
        if self.n_neighbors is None:
            groups = find_small_groups(ids, sq_distances, self.sigma_scale, self.affinity)
        weights = sample_affinity(sq_distances, self.sigma_scale, self.affinity)
        tree = link(
            ids,
            weights,
            first_clusters(ids) if labels is None else labels,
            n_neighbor_clusters=self.n_neighbor_clusters,
            local_structure=self.local_structure,
            join_small_components=self.join_small_components,
            features=features,
            groups=groups,
            isolated=isolated,
            progress=progress,
        )
        return tree, weights, groups
