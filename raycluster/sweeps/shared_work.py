"""Work that the trials of a sweep share: the graph on raw pixels is built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from raycluster.graph.neighbors.nearest import Neighbors, find_neighbors
from raycluster.methods.base import Answer, Method
from raycluster.runtime.files import atomic_write


def share_pixel_graph(folder: Path, method: Method) -> Callable[..., Any]:
    """Return a caller of driver functions that builds the method's graph on raw pixels only once for each K_s.

    The first trial that needs the graph builds it and keeps it in ``folder``. Trials that start at the same time each
    build their own, because waiting would take as long.
    """

    def answer(function: Callable[..., Answer], features: np.ndarray, **kwargs: Any) -> Answer:
        if method.pixel_clustering is None or function is not method.pixel_clustering():
            return function(features, **kwargs)
        return function(features, **kwargs, neighbors=_shared(features, kwargs["graph"].neighbors_of(len(features))))

    def _shared(features: np.ndarray, k: int) -> Neighbors:
        path = folder / f"pixels-{k}.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as saved:
                return Neighbors(saved["ids"], saved["sq_distances"], float(saved["recall"]))
        found = find_neighbors(features, k)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial, open(partial, "wb") as file:
            np.savez(file, **found._asdict())
        return found

    return answer
