"""Tables of vectors, such as embeddings, in Parquet and NPY: ``vector_set`` is the door, the others its parts."""
