"""raycluster: a folder of unlabelled images in, clusters and embeddings out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raycluster.api import assign as assign
    from raycluster.api import cluster as cluster
    from raycluster.api import embed as embed
    from raycluster.api import train as train
    from raycluster.graph.estimator import GraphDegreeLinkage as GraphDegreeLinkage

__version__ = "0.1.0"

_HOMES = {
    "assign": "raycluster.api",
    "train": "raycluster.api",
    "embed": "raycluster.api",
    "cluster": "raycluster.api",
    "GraphDegreeLinkage": "raycluster.graph.estimator",
}
__all__ = ["GraphDegreeLinkage", "assign", "cluster", "embed", "train"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing raycluster imports neither Ray nor torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'raycluster' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
