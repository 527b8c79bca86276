"""Graph degree linkage: from features to a k-nearest-neighbor graph, to clusters, to the tree of all merges.

NumPy arrays in, NumPy arrays out; nothing here knows of Ray, torch or files. The data flows like this::

    features float32 [n, d]
      → neighbors     ids int32 and squared distances float32, [n, k]
      → affinity      weights float32 [n, k]
      → linkage       the stages of the merging (stages/), the merge loop (kernel/)
      → tree          MergeTree; tree.cut(K) gives labels int32 [n]
      → n_clusters    K, if it is not given, and other plausible numbers (counting/)

``estimator`` offers all of it with the interface of scikit-learn, ``settings`` as a dataclass for the methods and jobs,
and ``memory`` estimates how much memory it takes.
"""

from typing import TYPE_CHECKING

from raycluster.lazy import importing

if TYPE_CHECKING:
    from raycluster.graph.affinity import sample_affinity as sample_affinity
    from raycluster.graph.estimator import GraphDegreeLinkage as GraphDegreeLinkage
    from raycluster.graph.linkage import link as link
    from raycluster.graph.neighbors.nearest import NeighborIndex as NeighborIndex
    from raycluster.graph.neighbors.nearest import default_n_neighbors as default_n_neighbors
    from raycluster.graph.neighbors.nearest import nearest_neighbors as nearest_neighbors
    from raycluster.graph.stages.first_clusters import first_clusters as first_clusters
    from raycluster.graph.tree import MergeTree as MergeTree

_HOMES = {
    "GraphDegreeLinkage": "raycluster.graph.estimator",
    "MergeTree": "raycluster.graph.tree",
    "NeighborIndex": "raycluster.graph.neighbors.nearest",
    "default_n_neighbors": "raycluster.graph.neighbors.nearest",
    "first_clusters": "raycluster.graph.stages.first_clusters",
    "link": "raycluster.graph.linkage",
    "nearest_neighbors": "raycluster.graph.neighbors.nearest",
    "sample_affinity": "raycluster.graph.affinity",
}
__all__ = list(_HOMES)
__getattr__ = importing(__name__, _HOMES)
