"""Vectors compared by their directions only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from raycluster.data.vectors.vector_set import VectorSet
from raycluster.graph.unit_length import scale_to_unit_length

NO_DIRECTION = "its vector is all zeros, which has no cosine (--metric euclidean takes it)"


def of_unit_length(found: VectorSet) -> VectorSet:
    """Scale all vectors to length 1, where Euclidean distances rank as cosines do; reject those without a direction."""
    vectors = np.require(found.vectors, requirements="W")  # in place: there may be gigabytes of them
    has_direction = scale_to_unit_length(vectors)
    found = replace(found, vectors=vectors)
    return found if has_direction.all() else found.without(~has_direction, NO_DIRECTION)
