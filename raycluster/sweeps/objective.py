"""What a sweep maximizes: a score by all trials or by one alone, without labels, or one by known classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from raycluster.errors import UserError
from raycluster.metrics.label_free import agreement_beyond_chance, sample_rows, stability
from raycluster.metrics.quality import clustering_quality

POOLED, POOLED_SILHOUETTE, AGREEMENT = BY_TRIALS = ("pooled_rank", "pooled_silhouette", "agreement")
STABILITY, PIXEL_AGREEMENT = ALONE = ("stability", "pixel_agreement")
BY_LABELS = ("nmi", "acc", "ari")
OBJECTIVES = (*BY_TRIALS, *ALONE, *BY_LABELS)


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


def own_scores(
    embeddings: np.ndarray, clusters: np.ndarray, pixels: np.ndarray, labels: np.ndarray | None
) -> dict[str, float]:
    """Return every score that a finished run has by itself, by name; those by labels only where labels are known."""
    found = {name: own_score(name, embeddings, clusters, pixels, labels) for name in ALONE}
    if labels is not None and (labels >= 0).any():
        quality = clustering_quality(labels, clusters)
        found |= {name: quality[name] for name in BY_LABELS}
    return found


def own_score(
    name: str, embeddings: np.ndarray, clusters: np.ndarray, pixels: np.ndarray, labels: np.ndarray | None
) -> float:
    """Return one of :func:`own_scores`."""
    if name in BY_LABELS and labels is not None:
        return clustering_quality(labels, clusters)[name]
    rows = sample_rows(len(clusters))
    if name == PIXEL_AGREEMENT:
        return agreement_beyond_chance(pixels[rows].reshape(len(rows), -1).astype(np.float32), clusters[rows])
    return stability(embeddings[rows], clusters[rows])


def comparable(value: Any) -> float:
    """Return an objective as a number to sort by; a missing one comes last."""
    return float("-inf") if value is None or not np.isfinite(value) else float(value)
