"""What a sweep maximizes: a score that needs no labels, or one that compares with known classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from raycluster.errors import UserError
from raycluster.metrics.label_free import SCORES, label_free_score, label_free_scores
from raycluster.metrics.quality import clustering_quality

POOLED = "pooled_silhouette"
WHILE_RUNNING = "stability"  # what ranks trials that have not finished, in the place of the pooled score
BY_LABELS = ("nmi", "acc", "ari")
OBJECTIVES = (POOLED, *SCORES, *BY_LABELS)


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


def all_scores(
    embeddings: np.ndarray, clusters: np.ndarray, pixels: np.ndarray, labels: np.ndarray | None
) -> dict[str, float]:
    """Return every score that a finished run has by itself, by name; those by labels only where labels are known."""
    found = label_free_scores(embeddings, clusters, pixels)
    if labels is not None and (labels >= 0).any():
        quality = clustering_quality(labels, clusters)
        found |= {name: quality[name] for name in BY_LABELS}
    return found


def objective_of(
    name: str, embeddings: np.ndarray, clusters: np.ndarray, pixels: np.ndarray, labels: np.ndarray | None
) -> float:
    """Return one score."""
    if name in BY_LABELS and labels is not None:
        return clustering_quality(labels, clusters)[name]
    return label_free_score(name, embeddings, clusters, pixels)


def running_objective(name: str) -> str:
    """Return the score that a trial can compute by itself, for schedulers and for Optuna: usually the objective."""
    return WHILE_RUNNING if name == POOLED else name


def comparable(value: Any) -> float:
    """Return an objective as a number to sort by; a missing one comes last."""
    return float("-inf") if value is None or not np.isfinite(value) else float(value)
