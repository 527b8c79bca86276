"""What a network's clusters are worth beside those of the pixels or features that training started from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from raycluster.data.feed import Feed
from raycluster.graph.settings import GraphSettings
from raycluster.methods.base import Context
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.metrics.effect import Effect, effect_of_training
from raycluster.metrics.label_free import sample_rows

REMEDIES = {
    "pixels": "train longer, or try raycluster train jule, which starts from these clusters",
    "features": "raycluster cluster finds these clusters",
}


def effect_on_sample(embeddings: np.ndarray, start: np.ndarray, clusters: np.ndarray, n_clusters: int) -> Effect:
    """Compare a network's clusters with as many of what training started from, by the graph, on at most 3,000 images.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d)
    start : ndarray of float32, shape (m, p)
        What training started from, of the rows that :func:`raycluster.metrics.label_free.sample_rows` chooses.
    clusters : ndarray of int32, shape (n,)
    n_clusters : int
    """
    rows = sample_rows(len(embeddings))
    before = recluster(start, min(n_clusters, len(rows)), GraphSettings()).labels
    return effect_of_training(start, embeddings[rows], before, clusters[rows])


def judge_network(
    context: Context,
    step: int,
    n_clusters: int,
    ids: np.ndarray,
    embeddings: np.ndarray,
    clusters: np.ndarray,
    feed: Feed,
    start: str = "pixels",
    rows_of: Callable[[np.ndarray], np.ndarray] = pixel_rows,
) -> tuple[dict[str, Any], list[str]]:
    """Say whether the training of a network helped: a collective call, computed on the driver.

    Parameters
    ----------
    context : Context
    step : int
        Of the driver.
    n_clusters : int
    ids : ndarray of int64, shape (m,)
    embeddings : ndarray of float32, shape (m, d)
        This worker's.
    clusters : ndarray of int32, shape (n,)
        Those of all images.
    feed : Feed
        What the network takes.
    start : {"pixels", "features"}
        What that is.
    rows_of : callable
        From all that the feed holds to rows, float32.

    Returns
    -------
    row : dict
        ``training``, for the row of metrics that describes the clusters.
    warnings : list of str
        A sentence if training did not help.
    """
    rows = rows_of(feed.pick(sample_rows(feed.n)))
    effect = context.run_on_driver(
        step, effect_on_sample, ids, embeddings, start=rows, clusters=clusters, n_clusters=n_clusters
    )
    sentence = effect.sentence(start)
    return {"training": effect.described(start)}, [] if effect.helped else [f"{sentence}; {REMEDIES[start]}"]
