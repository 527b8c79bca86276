"""raycluster: a folder of unlabeled images in, clusters and embeddings out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from raycluster.lazy import importing

if TYPE_CHECKING:
    from raycluster.api import assign as assign
    from raycluster.api import cluster as cluster
    from raycluster.api import embed as embed
    from raycluster.api import evaluate as evaluate
    from raycluster.api import export as export
    from raycluster.api import show as show
    from raycluster.api import sweep as sweep
    from raycluster.api import train as train
    from raycluster.graph.estimator import GraphDegreeLinkage as GraphDegreeLinkage

# Threads of OpenMP (torch, FAISS, scikit-learn) that wait for each other sleep instead of spinning: on a machine with
# other work, spinning makes everything many times slower. It is read when one of these libraries is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

__all__ = ["GraphDegreeLinkage", "assign", "cluster", "embed", "evaluate", "export", "show", "sweep", "train"]
__getattr__ = importing(
    __name__, dict.fromkeys(__all__, "raycluster.api") | {"GraphDegreeLinkage": "raycluster.graph.estimator"}
)
