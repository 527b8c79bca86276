"""Signs that a run is learning or collapsing, computed the same way for every method, and advice in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


def clustering_health(assignments: np.ndarray, n_clusters: int) -> dict[str, Any]:
    """Describe how images are distributed over clusters.

    Parameters
    ----------
    assignments : ndarray of int, shape (n,)
    n_clusters : int
        How many clusters there should be.

    Returns
    -------
    dict
        ``clusters_in_use``; ``largest_share``, that of the largest cluster in all images; ``entropy`` of the shares
        in nats; and its maximum, ``entropy_at_best`` = ln K.
    """
    shares = np.bincount(assignments, minlength=n_clusters) / len(assignments)
    used = shares[shares > 0]
    return {
        "clusters_in_use": len(used),
        "largest_share": float(shares.max()),
        "entropy": float(-(used * np.log(used)).sum()),
        "entropy_at_best": math.log(n_clusters),
    }


def probability_health(probabilities: np.ndarray) -> dict[str, float]:
    """Return the 10, 30, 50, 70 and 90% quantiles of probabilities (float [n]) as ``probability_10`` and so on."""
    shares = range(10, 100, 20)
    quantiles = np.quantile(probabilities, [share / 100 for share in shares])
    return {f"probability_{share}": float(value) for share, value in zip(shares, quantiles, strict=True)}


def embedding_health(embeddings: np.ndarray, seed: int = 0, pairs: int = 10_000) -> dict[str, float]:
    """Return ``mean_cosine`` between embeddings (float [n, d]) of random images: near 1, all are at one point."""
    first, second = np.random.default_rng(seed).integers(len(embeddings), size=(2, pairs))
    a, b = embeddings[first], embeddings[second]
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return {"mean_cosine": float(((a * b).sum(axis=1) / np.maximum(norms, 1e-12)).mean())}


def neighbor_agreement(
    neighbor_ids: np.ndarray, assignments: np.ndarray, is_counted: np.ndarray | None = None
) -> np.ndarray:
    """Return for every image the share of its nearest neighbors that are in its own cluster.

    Parameters
    ----------
    neighbor_ids : ndarray of int, shape (n, k)
    assignments : ndarray of int, shape (n,)
    is_counted : ndarray of bool, shape (n, k), optional
        Which neighbors count, by default all. The share is 0 where none does.

    Returns
    -------
    agreement : ndarray of float32, shape (n,)
    """
    agrees = assignments[neighbor_ids] == assignments[:, None]
    if is_counted is None:
        return agrees.mean(axis=1, dtype=np.float32)
    return ((agrees & is_counted).sum(axis=1) / np.maximum(is_counted.sum(axis=1), 1)).astype(np.float32)


@dataclass(frozen=True)
class Advice:
    """What to try when a run collapses, in terms of the settings of a method.

    Attributes
    ----------
    one_cluster : str
        If most images are in one cluster: why, and what to try.
    collapsed : str
        If all embeddings are alike: what to try.
    """

    one_cluster: str
    collapsed: str


def warnings_for(row: dict[str, Any], advice: Advice, rows: str = "images") -> list[str]:
    """Return sentences that say what is wrong in a row of metrics; an empty list if nothing is.

    Parameters
    ----------
    row : dict
        Any of ``largest_share``, ``clusters_in_use``, ``entropy_at_best``, ``mean_cosine``, ``loss``,
        ``gradient_norm`` and ``neighbor_agreement`` (mean).
    advice : Advice
        What to try.
    rows : str
        What has been clustered.
    """
    warnings = []
    k = round(math.exp(row["entropy_at_best"])) if "entropy_at_best" in row else 0
    if k != 1 and row.get("largest_share", 0) > max(0.5, min(0.9, 2.5 / max(k, 1))):
        warnings.append(f"{row['largest_share']:.0%} of the {rows} are in one cluster: {advice.one_cluster}")
    if row.get("clusters_in_use", k) < k:
        warnings.append(f"only {row['clusters_in_use']} of {k} clusters are in use: try fewer --clusters")
    if row.get("mean_cosine", 0) > 0.999:
        warnings.append(
            f"random {rows} have a mean cosine of {row['mean_cosine']:.4f}: the embedding has collapsed to a point, or "
            f"has not learned to tell {rows} apart yet; {advice.collapsed}"
        )
    for name in ("loss", "gradient_norm"):
        if not math.isfinite(row.get(name, 0.0)):
            warnings.append(f"the {name.replace('_', ' ')} is not finite: try a lower --learning-rate")
    if row.get("neighbor_agreement", 1) < 0.5:
        warnings.append(
            f"only {row['neighbor_agreement']:.0%} of nearest neighbors share a cluster: the clusters do not follow "
            "the embedding; try another number of --clusters"
        )
    return warnings
