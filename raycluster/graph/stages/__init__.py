"""The stages before and after the exact merging, one file each, in the order in which they run.

1. ``first_clusters``: every row joins its nearest neighbor.
2. ``small_components``: small connected components join their nearest cluster.
3. ``partition``, for very many clusters: an order of the rows in which neighbors lie close together in memory.
4. The exact merging by affinity, :mod:`raycluster.graph.kernel.merging`.
5. ``isolated``, only as JULE's released code does: in steps, clusters without affinity join the nearest one.
6. ``disconnected``: clusters with no edge between them join, the closest first.

Each stage takes the graph (ids int32 and weights float32, [n, k]) and the labels (int32 [n]), and returns its merges in
order, kept and joined, int32, clusters named by their smallest rows. :func:`raycluster.graph.linkage.link` runs them.
"""
