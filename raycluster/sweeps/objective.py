"""What a sweep maximizes: a score by what all trials say of each other, without labels, or one by known classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from raycluster.errors import UserError
from raycluster.metrics.quality import clustering_quality

POOLED, POOLED_SILHOUETTE, AGREEMENT = BY_TRIALS = ("pooled_rank", "pooled_silhouette", "agreement")
BY_LABELS = ("nmi", "acc", "ari")
OBJECTIVES = (*BY_TRIALS, *BY_LABELS)


def check_objective(name: str, labels: np.ndarray | None = None, data: str | None = None) -> None:
    """Check that an objective exists and, given ``data``, that there are labels if it needs them.

    Raises
    ------
    UserError
    """
    if name not in OBJECTIVES:
        raise UserError(f"There is no objective {name!r}: choose one of {', '.join(OBJECTIVES)}.")
    if data and name in BY_LABELS and (labels is None or (labels < 0).all()):
        raise UserError(
            f"--objective {name} compares with known classes, but {data} has none: choose another objective, or give "
            "--labels folders."
        )


def scores_by_labels(labels: np.ndarray | None, clusters: np.ndarray) -> dict[str, float]:
    """Return how clusters, int32 [n], agree with known classes, int64 [n], by name; nothing where none is known."""
    if labels is None or (labels < 0).all():
        return {}
    quality = clustering_quality(labels, clusters)
    return {name: quality[name] for name in BY_LABELS}


def comparable(value: Any) -> float:
    """Return an objective as a number to sort by; a missing one comes last."""
    return float("-inf") if value is None or not np.isfinite(value) else float(value)
