"""JULE's clustering of all images, on the driver: the graph, and the merging."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from raycluster.graph.counting.outcomes import describe
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.nearest import Neighbors, find_neighbors, neighbors_remark
from raycluster.graph.settings import GraphSettings
from raycluster.graph.stages.first_clusters import first_clusters
from raycluster.graph.stages.isolated import TIMES_K, IsolatedRule
from raycluster.graph.tree import MergeTree
from raycluster.methods.base import Clusters
from raycluster.methods.jule.settings import JuleSettings
from raycluster.metrics.effect import Effect, effect_of_training
from raycluster.metrics.health import embedding_health, neighbor_agreement


@dataclass(frozen=True)
class Clustering:
    """The clusters of all images at one point of a run, with everything that is reported about them.

    Attributes
    ----------
    labels : ndarray of int32, shape (n,)
        Of K clusters, or of more if merging was to stop earlier.
    n_clusters : int
        K, as given or chosen.
    first : ndarray of int32, shape (n,)
        The clusters that merging started from.
    counted : dict
        If K was chosen, what was suggested (:func:`raycluster.graph.counting.outcomes.describe`).
    remarks : tuple of str
        Sentences about the graph or the number of clusters that a user should know.
    neighbor_recall : float
        1 if the neighbor search is exact.
    agreement : float
        The mean share of an image's neighbors that are in its cluster.
    joined : dict of str to int
        ``joined_clusters`` and ``joined_rows``, small clusters that joined another one
        (:func:`raycluster.graph.small_clusters.partition_of`).
    outliers : ndarray of bool, shape (n,)
        Which rows these are.
    mean_cosine : float
        Between random images; if it is near 1, the embedding has collapsed.
    graph_seconds, merge_seconds : float
    left, right, affinity, size : ndarray of shape (n - 1,), or None
        The merge tree; None if merging did not start from single images.
    pixels : ndarray of int32, shape (n,), or None
        The K clusters of the raw pixels, if ``labels`` are the finer ones that training starts from.
    """

    labels: np.ndarray
    n_clusters: int
    first: np.ndarray
    counted: dict[str, Any]
    remarks: tuple[str, ...]
    neighbor_recall: float
    agreement: float
    joined: dict[str, int]
    outliers: np.ndarray
    mean_cosine: float
    graph_seconds: float
    merge_seconds: float
    left: np.ndarray | None = None
    right: np.ndarray | None = None
    affinity: np.ndarray | None = None
    size: np.ndarray | None = None
    pixels: np.ndarray | None = None


def pixel_rows(images: np.ndarray) -> np.ndarray:
    """Return uint8 images [m, ...] as rows, float32 [m, d], scaled as in the released code.

    Pixels are in [0, 1], and rows with an L2 norm above 1 are scaled down to norm 1.
    """
    rows = images.reshape(len(images), -1).astype(np.float32) / 255
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


def cluster_pixels(
    features: np.ndarray, n_clusters: Clusters, graph: GraphSettings, neighbors: Neighbors | None = None
) -> Clustering:
    """Cluster raw pixels: the fine clusters that training starts from, and the K clusters of the graph alone."""
    clustering = recluster(features, n_clusters, graph, neighbors)
    fine = clustering.first if clustering.first.max() >= clustering.n_clusters else clustering.labels
    return replace(clustering, labels=fine, pixels=clustering.labels)


def merge_clusters(
    features: np.ndarray, labels: np.ndarray, n_clusters: Clusters, at_least: int, graph: GraphSettings
) -> Clustering:
    """Merge the current clusters on new features until ``at_least`` or K are left (the paper's forward pass)."""
    clustering, _ = _cluster(features, n_clusters, graph, labels, at_least)
    return clustering


def recluster(
    features: np.ndarray, n_clusters: Clusters, graph: GraphSettings, neighbors: Neighbors | None = None
) -> Clustering:
    """Cluster from single images, and return the whole merge tree too (the paper's re-running clustering, RC)."""
    clustering, tree = _cluster(features, n_clusters, graph, known=neighbors)
    return replace(clustering, left=tree.left, right=tree.right, affinity=tree.affinity, size=tree.size)


@dataclass(frozen=True)
class Judgement(Effect):
    """Whether training helped, and the start's own clusters and merge tree if it did not.

    Attributes
    ----------
    labels : ndarray of int32, shape (n,), or None
        As many clusters of what training started from.
    outliers : ndarray of bool, shape (n,), or None
        Rows of small clusters that joined another one.
    left, right, affinity, size : ndarray of shape (n - 1,), or None
        Their merge tree.
    """

    labels: np.ndarray | None = None
    outliers: np.ndarray | None = None
    left: np.ndarray | None = None
    right: np.ndarray | None = None
    affinity: np.ndarray | None = None
    size: np.ndarray | None = None


def judge(features: np.ndarray, split: int, before: np.ndarray, after: np.ndarray, graph: GraphSettings) -> Judgement:
    """Compare the clusters after training with as many of what it started from.

    Parameters
    ----------
    features : ndarray of float32, shape (n, split + d)
        What training started from and, after the first ``split`` columns, the embeddings.
    split : int
    before, after : ndarray of int32, shape (n,)
    graph : GraphSettings
    """
    rows, embeddings = np.ascontiguousarray(features[:, :split]), features[:, split:]
    n_clusters = int(after.max()) + 1
    start = None
    if int(before.max()) + 1 != n_clusters:
        start = recluster(rows, n_clusters, graph)
        before = start.labels
    effect = effect_of_training(rows, embeddings, before, after)
    if effect.helped:
        return Judgement(**asdict(effect))
    start = start or recluster(rows, n_clusters, graph)
    return Judgement(
        **asdict(effect),
        labels=start.labels,
        outliers=start.outliers,
        left=start.left,
        right=start.right,
        affinity=start.affinity,
        size=start.size,
    )


def merges_of(found: Clustering | Judgement) -> dict[str, np.ndarray]:
    """Return the merge tree as columns."""
    columns = {"left": found.left, "right": found.right, "affinity": found.affinity, "size": found.size}
    return {name: column for name, column in columns.items() if column is not None}


def _cluster(
    features: np.ndarray,
    n_clusters: Clusters,
    graph: GraphSettings,
    labels: np.ndarray | None = None,
    at_least: int = 1,
    known: Neighbors | None = None,
) -> tuple[Clustering, MergeTree]:
    """Find the neighbors in the features unless they are ``known``, and merge from ``labels`` or single images."""
    started = time.perf_counter()
    neighbors, distances, recall = known or find_neighbors(features, graph.neighbors_of(len(features)))
    built = time.perf_counter()
    first = first_clusters(neighbors) if labels is None else labels
    isolated = None
    if n_clusters != "auto" and isinstance(graph, JuleSettings) and graph.join_isolated_clusters:
        isolated = IsolatedRule(TIMES_K * n_clusters, graph.unroll_rate)
    tree, weights, groups = graph.build_tree(neighbors, distances, features, first, isolated)
    counted: dict[str, Any] = {}
    join_small = graph.join_small_clusters and n_clusters != "auto"  # which chose the number with these clusters
    remark = neighbors_remark(graph.n_neighbors, len(features))
    remarks: tuple[str, ...] = (remark,) if remark else ()
    if n_clusters == "auto":
        most = int(first.max()) + 1
        if groups is None:
            most = min(most, len(features) // neighbors.shape[1])
        ranking = rank_n_clusters(tree, neighbors, weights, max_clusters=max(2, most), groups=groups, features=features)
        remarks += ranking.remarks
        n_clusters, counted = ranking.chosen, describe(ranking, tree, neighbors, weights)
    partition = tree.partition(max(n_clusters, at_least), features, join_small and n_clusters >= at_least)
    finished = time.perf_counter()
    agreement = neighbor_agreement(neighbors, partition.core, groups and groups.isolate(neighbors, weights) > 0)
    clustering = Clustering(
        labels=partition.labels,
        n_clusters=int(n_clusters),
        first=first,
        counted=counted,
        remarks=remarks,
        neighbor_recall=float(recall),
        agreement=float(agreement.mean()),
        joined=partition.counted(),
        outliers=partition.is_joined,
        mean_cosine=embedding_health(features)["mean_cosine"],
        graph_seconds=built - started,
        merge_seconds=finished - built,
    )
    return clustering, tree
