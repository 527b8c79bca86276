"""What the driver returns where workers only want to know each other's rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AllRows:
    """The rows of all images, float32 [n, d], in the order of their ids."""

    rows: np.ndarray


def all_rows(rows: np.ndarray) -> AllRows:
    """Return the rows of all workers unchanged: the driver has sorted them and checked that each is there once."""
    return AllRows(rows)
