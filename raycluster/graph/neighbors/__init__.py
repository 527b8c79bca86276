"""The k-nearest-neighbor graph: which rows are near which.

Features (float32 [n, d]) go in; ids (int32 [n, k], nearest first) and squared distances (float32 [n, k]) come out.
``nearest`` searches them. ``search`` decides whether the search is exact (``flat``, with FAISS) or goes through
inverted lists (``lists``), whose recall is measured on a sample. ``scan`` is the inner loop of the latter, and
``distances`` computes the final distances of both; ``parallel`` spreads them over all threads. Where there are GPUs,
``on_gpus`` does all of an exact search there. ``sparse`` reads the graph from a SciPy matrix instead. ``novelty`` tells
how far new rows are from known ones.
"""
