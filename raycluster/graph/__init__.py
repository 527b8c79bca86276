"""Graph degree linkage: from features to a k-nearest-neighbor graph, to clusters, to the tree of all merges.

NumPy arrays in, NumPy arrays out; nothing here knows of Ray, torch or files. The data flows like this::

    features float32 [n, d]
      → neighbors     ids int32 and squared distances float32, [n, k]
      → affinity      weights float32 [n, k]
      → linkage       the stages of the merging (stages/), the merge loop (kernel/)
      → tree          MergeTree; tree.cut(K) gives labels int32 [n]
      → n_clusters    K, if it is not given

``estimator`` offers all of it with the interface of scikit-learn, ``settings`` as a dataclass for the methods and jobs,
and ``memory`` estimates how much memory it takes.
"""

from raycluster.graph.affinity import sample_affinity
from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.graph.linkage import link
from raycluster.graph.neighbors.nearest import NeighborIndex, default_n_neighbors, nearest_neighbors
from raycluster.graph.stages.first_clusters import first_clusters
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
