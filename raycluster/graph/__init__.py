"""Graph degree linkage: neighbours, weights, merging, the tree. NumPy arrays in, NumPy arrays out."""

from typing import TYPE_CHECKING

from raycluster.lazy import importing

if TYPE_CHECKING:
    from raycluster.graph.affinity import sample_affinity as sample_affinity
    from raycluster.graph.estimator import GraphDegreeLinkage as GraphDegreeLinkage
    from raycluster.graph.kernel.components import first_clusters as first_clusters
    from raycluster.graph.linkage import link as link
    from raycluster.graph.neighbors.nearest import NeighborIndex as NeighborIndex
    from raycluster.graph.neighbors.nearest import default_n_neighbors as default_n_neighbors
    from raycluster.graph.neighbors.nearest import nearest_neighbors as nearest_neighbors
    from raycluster.graph.tree import MergeTree as MergeTree

_HOMES = {
    "GraphDegreeLinkage": "raycluster.graph.estimator",
    "MergeTree": "raycluster.graph.tree",
    "NeighborIndex": "raycluster.graph.neighbors.nearest",
    "default_n_neighbors": "raycluster.graph.neighbors.nearest",
    "first_clusters": "raycluster.graph.kernel.components",
    "link": "raycluster.graph.linkage",
    "nearest_neighbors": "raycluster.graph.neighbors.nearest",
    "sample_affinity": "raycluster.graph.affinity",
}
__all__ = list(_HOMES)
__getattr__ = importing(__name__, _HOMES)
