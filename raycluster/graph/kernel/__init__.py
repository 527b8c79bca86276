"""The merge loop and what it is made of, as compiled functions on flat arrays.

:mod:`merging <raycluster.graph.kernel.merging>` holds the loop. Its tables have a file each: ``clusters``, ``touches``,
``pairs``, ``nearest_clusters`` and ``tournament``, with ``records`` for how they lie in memory. ``labels`` and
``disjoint_set`` number and join clusters. ``compiled`` has the decorators and decides where machine code is kept.

In go the touches, labels, sizes and smallest rows of clusters (int32 arrays); out come the merges in order: kept and
joined, int32, and their affinity, float64. Clusters are named by their smallest rows.
"""
