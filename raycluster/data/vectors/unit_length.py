"""Vectors compared by their directions only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from raycluster.data.vectors.vector_set import VectorSet

NO_DIRECTION = "its vector is all zeros, which has no cosine (--metric euclidean takes it)"


def of_unit_length(found: VectorSet) -> VectorSet:
    """Scale all vectors to length 1, where Euclidean distances rank as cosines do; reject those without a direction."""
    lengths = np.linalg.norm(found.vectors, axis=1, keepdims=True)
    has_direction = lengths[:, 0] > 0
    if not has_direction.all():
        found = found.without(~has_direction, NO_DIRECTION)
        lengths = lengths[has_direction]
    vectors = np.require(found.vectors, requirements="W")  # in place: there may be gigabytes of them
    vectors /= lengths
    return replace(found, vectors=vectors)
