"""A rehearsal of the driver's first step: its compiled functions are ready by the time that the workers are."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from raycluster.methods import find_method
from raycluster.methods.base import Clusters

ROWS, COLUMNS = 100, 4


def rehearse(method: str, settings: Any, clusters: Clusters) -> None:
    """Cluster a few random rows as the method clusters pixels, if that is what it begins with.

    The first run on a machine compiles for 10 seconds or more, every later one loads what was compiled.

    Parameters
    ----------
    method : str
    settings : dataclass
        The method's.
    clusters : int or "auto"
        As asked for; finding the number needs more functions.
    """
    pixel_clustering = find_method(method).pixel_clustering
    if pixel_clustering is None:
        return
    rows = np.random.default_rng(0).random((ROWS, COLUMNS), np.float32)
    with contextlib.suppress(Exception):  # the step itself tells what is wrong
        pixel_clustering()(rows, "auto" if clusters == "auto" else 2, settings)
