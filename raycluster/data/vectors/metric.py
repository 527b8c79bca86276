"""Vectors brought to where Euclidean distances rank as a metric does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from raycluster.data.vectors.vector_set import VectorSet
from raycluster.graph.unit_length import scale_to_unit_length

WITHOUT_DIRECTION = {
    "cosine": "its vector is all zeros, which has no cosine (--metric euclidean takes it)",
    "centered": "its vector is the mean of all, which has no direction from there (--metric euclidean takes it)",
}


class MetricSpace:
    """The space in which Euclidean distances rank as a metric does.

    With "cosine", vectors have length 1. With "centered", too, but their directions are measured from the mean of all:
    it draws vectors together, and those that lie near it become neighbors of very many others, which chain clusters
    together (Suzuki et al., Centering Similarity Measures to Reduce Hubs, EMNLP 2013).

    Parameters
    ----------
    metric : {"cosine", "centered", "euclidean"}, optional
        By default, and with "euclidean", vectors stay as they are.
    vectors : ndarray of float32, shape (n, d)
        All that are clustered; they decide the mean.

    Attributes
    ----------
    metric : str or None
    """

    def __init__(self, metric: str | None, vectors: np.ndarray) -> None:
        self.metric = metric
        self._mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32) if metric == "centered" else None

    def place(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors, float32 [m, d], in this space, and which have a place there, bool [m].

        Vectors without a direction have none; they become zeros. All are changed in place where they can be written to:
        there may be gigabytes of them.
        """
        if self.metric not in WITHOUT_DIRECTION:
            return vectors, np.ones(len(vectors), bool)
        vectors = np.require(vectors, requirements="W")
        if self._mean is not None:
            vectors -= self._mean
        return vectors, scale_to_unit_length(vectors)


def placed(found: VectorSet, space: MetricSpace) -> VectorSet:
    """Return a set with its vectors in a space, without those that have no place there, which are rejected."""
    vectors, has_place = space.place(found.vectors)
    found = replace(found, vectors=vectors)
    if has_place.all() or space.metric is None:
        return found
    return found.without(~has_place, WITHOUT_DIRECTION[space.metric])
