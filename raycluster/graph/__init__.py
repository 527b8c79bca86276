"""Graph degree linkage: neighbours, weights, merging, the tree. NumPy arrays in, NumPy arrays out."""

from raycluster.graph.affinity import sample_affinity
from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.graph.kernel.components import first_clusters
from raycluster.graph.linkage import link
from raycluster.graph.neighbors.nearest import NeighborIndex, default_n_neighbors, nearest_neighbors
from raycluster.graph.tree import MergeTree

__all__ = [
    "GraphDegreeLinkage",
    "MergeTree",
    "NeighborIndex",
    "default_n_neighbors",
    "first_clusters",
    "link",
    "nearest_neighbors",
    "sample_affinity",
]
