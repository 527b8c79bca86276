"""Vectors in, clusters and the whole merge tree out: what clusterings of images and of vectors share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from raycluster.clustering.merge_progress import MergeProgress
from raycluster.clustering.rivals import Graph, cluster_by, compare
from raycluster.clustering.saved_graph import (
    Neighbors,
    fingerprint,
    remove_neighbors,
    save_neighbors,
    saved_neighbors,
)
from raycluster.data.vectors.vector_set import VectorSet
from raycluster.graph.counting.outcomes import describe
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.nearest import NeighborIndex, neighbors_remark
from raycluster.graph.neighbors.search import Search, can_be_exact
from raycluster.graph.tree import MergeTree
from raycluster.metrics.confidence import confidence_of
from raycluster.metrics.consensus import agreements
from raycluster.metrics.health import Advice, clustering_health, embedding_health, neighbor_agreement, warnings_for
from raycluster.metrics.kmeans import plain_kmeans
from raycluster.metrics.quality import clustering_quality
from raycluster.options import ClusterOptions
from raycluster.runtime.background import run_beside
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import private_node, ray_session
from raycluster.runtime.summary import RunSummary
from raycluster.runtime.units import duration

CLUSTERING, KMEANS = "gdl", "k-means"  # the names in tables of scores
COLLAPSED = "try other embeddings"


@dataclass(frozen=True)
class Clustering:
    """Clusters of vectors, and what is known of them.

    Attributes
    ----------
    clusters : ndarray of int32, shape (n,)
    confidence : ndarray of float32, shape (n,)
        From :func:`raycluster.metrics.confidence.confidence_of`.
    tree : MergeTree
    neighbors : (ndarray of int32, ndarray of float32)
        Of each row, the nearest first, and their squared distances, [n, k].
    others : dict of str to (ndarray of int32 of shape (n,), float)
        What other methods find, and in how many seconds: plain k-means with as many clusters, unless it would take far
        longer, and those that were asked for.
    health : dict
        Figures, and ``warnings`` as sentences.
    """

    clusters: np.ndarray
    confidence: np.ndarray
    tree: MergeTree
    neighbors: tuple[np.ndarray, np.ndarray]
    others: dict[str, tuple[np.ndarray, float]]
    health: dict[str, Any]


def cluster_graph(
    options: ClusterOptions, run_dir: RunDir, found: VectorSet, clock: Clock, console: Console
) -> Clustering:
    """Cluster vectors by graph degree linkage, and by plain k-means to compare with.

    A number of clusters that is given means clusters that count
    (:func:`raycluster.graph.small_clusters.partition_of`); "auto" has chosen it with the small ones among them.

    Parameters
    ----------
    options : ClusterOptions
        The number of clusters, and the settings of the graph.
    run_dir : RunDir
    found : VectorSet
    clock : Clock
    console : Console
    """
    vectors, n, n_clusters = found.vectors, len(found.vectors), options.clusters
    neighbors, distances, search = _neighbors(vectors, options.neighbors_of(n), run_dir, console)
    clock.lap("neighbors")
    took = duration(clock.stages["neighbors"])
    console.say(f"{neighbors.shape[1]} neighbors of each vector, by {search}, in {took}")
    merges = MergeProgress()
    tree, weights, groups = run_beside(
        lambda: options.build_tree(neighbors, distances, vectors, progress=merges.note),
        lambda: console.progress("merging clusters", merges.describe()),
    )
    clock.lap("merging")
    console.say(f"Merged all clusters into one in {duration(clock.stages['merging'])}")
    counted: dict[str, Any] = {"alternatives": []}
    join_small = options.join_small_clusters and n_clusters != "auto"
    remark = neighbors_remark(options.n_neighbors, n)
    remarks = [remark] if remark else []
    if n_clusters == "auto":
        ranking = run_beside(
            lambda: rank_n_clusters(tree, neighbors, weights, groups=groups, features=vectors),
            lambda: console.progress("choosing the number of clusters"),
        )
        n_clusters, counted = ranking.chosen, describe(ranking, tree, neighbors, weights)
        remarks += ranking.remarks
        clock.lap("number of clusters")
    kmeans = run_beside(lambda: plain_kmeans(vectors, n_clusters), lambda: console.progress("comparing with k-means"))
    clock.lap("k-means")
    partition = tree.partition(n_clusters, vectors, join_small)
    labels = partition.labels
    others: dict[str, tuple[np.ndarray, float]] = {}
    if kmeans is not None:
        others[KMEANS] = kmeans, clock.stages["k-means"]
    graph = Graph(vectors, neighbors, weights, n_clusters)
    for rival in options.compare:
        others[rival] = run_beside(
            partial(cluster_by, rival, graph), partial(console.progress, f"comparing with {rival}")
        )
        clock.lap(rival)
    agreement = neighbor_agreement(neighbors, partition.core, groups and groups.isolate(neighbors, weights) > 0)
    health: dict[str, Any] = clustering_health(labels, n_clusters) | embedding_health(vectors) | counted
    health |= partition.counted()
    health["neighbor_agreement"] = float(agreement.mean())
    judged = {name: value for name, value in health.items() if name != "mean_cosine"}  # any cosine is fine for vectors
    rows = "images" if options.data else "vectors"
    health["warnings"] = remarks + warnings_for(judged, advice(options), rows)
    confidence = run_beside(
        lambda: confidence_of(vectors, labels, partition.is_joined),
        lambda: console.progress("measuring confidence"),
    )
    clock.lap("confidence")
    return Clustering(labels, confidence, tree, (neighbors, distances), others, health)


def advice(options: ClusterOptions) -> Advice:
    """Return what to do about bad clusters."""
    by_training = ", or train a head on the features: raycluster train jule --backbone" if options.data else ""
    return Advice(options.against_chaining + by_training, COLLAPSED)


def write_clustering(
    run_dir: RunDir,
    method: str,
    found: VectorSet,
    clustering: Clustering,
    rejected: list[tuple[str, str]],
    clock: Clock,
    **more: Any,
) -> RunSummary:
    """Write ``assignments.parquet`` and ``merges.parquet``, and return the summary, which is to be written last.

    Parameters
    ----------
    run_dir : RunDir
    method : str
    found : VectorSet
        What was clustered.
    clustering : Clustering
    rejected : list of (str, str)
        Paths of other inputs, with the reasons.
    clock : Clock
    **more
        Further fields of the summary.
    """
    n, labels = len(found.vectors), clustering.clusters
    if not (len(labels) == len(found.ids) == len(np.unique(found.ids))):
        raise RuntimeError(f"{n} vectors became {len(labels)} rows")
    run_dir.write_assignments(found.ids, found.paths, labels, clustering.confidence, found.labels)
    run_dir.write_merges({name: getattr(clustering.tree, name) for name in ("left", "right", "affinity", "size")})
    remove_neighbors(run_dir.path)
    clusterings: dict[str, tuple[np.ndarray, float | None]] = {CLUSTERING: (labels, None), **clustering.others}
    kmeans = clustering.others.get(KMEANS)
    quality = {}
    if found.labels is not None:
        quality = {name: clustering_quality(found.labels, these) for name, (these, _) in clusterings.items()}
    clock.lap("writing")
    return RunSummary(
        method=method,
        images=n,
        rejected=len(rejected),
        clusters=len(np.unique(labels)),
        **clock.figures(),
        quality=quality,
        reported=CLUSTERING,
        rejected_reasons=dict(Counter(reason for _, reason in rejected).most_common()),
        health=clustering.health,
        kmeans_agreement=None if kmeans is None else float(agreements([labels, kmeans[0]])[0, 1]),
        comparison=compare(clusterings, found.vectors) if set(clustering.others) - {KMEANS} else {},
        **more,
    )


def _neighbors(vectors: np.ndarray, k: int, run_dir: RunDir, console: Console) -> Neighbors:
    """Search for neighbors, unless an interrupted run has found and saved them already."""
    of = fingerprint(vectors, k)
    neighbors = saved_neighbors(run_dir.path, of)
    if neighbors is not None:
        console.say("The neighbors were found before this command was interrupted.")
        return neighbors
    neighbors = Neighbors(*_nearest_neighbors(vectors, k, console))
    try:
        save_neighbors(run_dir.path, neighbors, of)
    except OSError as error:
        remark = f"The neighbors cannot be saved ({error.strerror or error})"
        console.warn(f"{remark}: if this is interrupted, they are searched for again.")
    return neighbors


def _nearest_neighbors(vectors: np.ndarray, k: int, console: Console) -> tuple[np.ndarray, np.ndarray, Search]:
    """Search here, or on the cluster that the job was submitted to, with one task for each GPU or machine."""
    if private_node():
        return run_beside(lambda: _search_here(vectors, k), lambda: console.progress("searching for neighbors"))
    with ray_session(console) as cluster:
        console.progress("searching for neighbors")
        from raycluster.clustering.distributed_neighbors import neighbors_in_blocks

        (n, d), gpus = vectors.shape, int(sum(node.gpus for node in cluster.nodes))
        if gpus and can_be_exact(n, d, gpus):  # only the exact search runs on GPUs
            return neighbors_in_blocks(vectors, k, gpus, cpus_per_task=1, gpus_per_task=1)
        cpus = int(min(node.cpus for node in cluster.nodes if node.cpus >= 1))
        tasks = sum(int(node.cpus // cpus) for node in cluster.nodes)
        return neighbors_in_blocks(vectors, k, tasks, cpus_per_task=cpus)


def _search_here(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, Search]:
    index = NeighborIndex(vectors, k)
    return *index.rows(), index.search
