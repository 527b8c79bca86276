"""Measures of a clustering, from NumPy arrays to numbers and sentences, without Ray or files.

``quality`` compares clusters with known classes; ``probe`` and ``shift`` use known classes to test a trained network.
Without labels, ``label_free`` and ``consensus`` score a clustering, ``pooled`` scores several by each other, and
``health`` describes a run and says what is wrong with it. ``kmeans`` is the k-means used everywhere.
"""
