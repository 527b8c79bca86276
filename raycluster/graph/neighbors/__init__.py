"""The k-nearest-neighbor graph: which rows are near which.

Features (float32 [n, d]) go in; ids (int32 [n, k], nearest first) and squared distances (float32 [n, k]) come out.
``nearest`` searches with FAISS. ``faiss_index`` decides whether the search is exact or goes through inverted lists,
whose recall it measures. ``distances`` computes the final distances. ``sparse`` reads the graph from a SciPy matrix
instead. ``novelty`` tells how far new rows are from known ones.
"""
