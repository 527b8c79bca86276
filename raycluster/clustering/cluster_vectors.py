"""``raycluster.cluster``: vectors in, clusters and the whole merge tree out, by graph degree linkage."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from raycluster.data.sources import resolve_source
from raycluster.data.vectors import VectorSet, count_vectors, open_vectors
from raycluster.errors import UserError
from raycluster.graph.memory import clustering_bytes
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.faiss_index import Search
from raycluster.graph.neighbors.nearest import NeighborIndex
from raycluster.metrics.health import Advice, clustering_health, embedding_health, neighbor_agreement, warnings_for
from raycluster.metrics.quality import clustering_quality
from raycluster.options import ClusterOptions
from raycluster.report.k_plot import k_plot
from raycluster.results.finished_run import check_complete
from raycluster.runtime.clock import Clock, duration
from raycluster.runtime.console import Say, print_now
from raycluster.runtime.files import atomic_write
from raycluster.runtime.paths import absolute_out
from raycluster.runtime.resources import available_memory
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import private_node, ray_session
from raycluster.runtime.summary import RunSummary, describe_summary, repeat_summary
from raycluster.runtime.versions import installed_versions

METHOD = "gdl"
ADVICE = Advice(
    one_cluster="the clusters have chained together; try fewer --n-neighbors, or --affinity local",
    collapsed="try other embeddings",
)


def cluster_vectors(options: ClusterOptions, say: Say = print_now) -> RunSummary:
    """RaySession, and write ``assignments.parquet``, ``merges.parquet``, ``rejected.parquet`` and ``summary.json``.

    With ``clusters="auto"`` also ``n_clusters.html``, the score of every number of clusters.

    Raises
    ------
    UserError
        If something about the input or the folder does not allow it; a sentence says what.
    """
    clock = Clock(time.perf_counter(), "start")
    options = replace(options, embeddings=resolve_source(options.embeddings))
    run_dir = RunDir(absolute_out(options.out))
    identity = {"method": METHOD} | {name: value for name, value in asdict(options).items() if name != "out"}
    check_complete(options.embeddings)
    if run_dir.state(identity) == "finished":
        if open_vectors(options.embeddings, options.column).fingerprint != run_dir.config()["fingerprint"]:
            raise UserError(f"The vectors in {options.embeddings} have changed since: choose another --out.")
        return repeat_summary(run_dir, "clustering already.", say)
    run_dir.check_writable()
    say(memory_sentence(*count_vectors(options.embeddings, options.column), options, available_memory()))
    found = open_vectors(options.embeddings, options.column)
    n, size = found.vectors.shape
    for note in found.notes:
        say(note)
    aside = f", {len(found.rejected):,} set aside" if found.rejected else ""
    say(f"{options.embeddings}: {n:,} vectors of {size} numbers{aside}")
    if options.clusters != "auto" and options.clusters > n:
        raise UserError(f"clusters={options.clusters}, but only {n} vectors are usable: choose at most {n}.")
    if n < 2:
        raise UserError(f"{options.embeddings} holds only one usable vector: at least 2 are needed.")
    with run_dir.lock():
        run_dir.write_config({"identity": identity, "fingerprint": found.fingerprint, "versions": installed_versions()})
        run_dir.write_rejected(found.rejected)
        clock.lap("vectors")
        summary = _cluster(options, run_dir, found, clock, say)
    say(describe_summary(run_dir.path, summary))
    return summary


def memory_sentence(n: int, numbers: int, options: ClusterOptions, available: float) -> str:
    """Say how much memory the clustering of n vectors of so many numbers in all may take, and how much there is.

    Raises
    ------
    UserError
        If it does not fit.
    """
    needed = clustering_bytes(n, numbers, options.neighbors_of(max(n, 1)))
    sentence = f"Clustering {n:,} vectors takes up to {needed / 1e9:,.1f} GB of memory"
    if needed > available:
        raise UserError(
            f"{sentence}, and {available / 1e9:,.1f} GB are available: choose fewer --n-neighbors than "
            f"{options.neighbors_of(n)}, or a machine with more."
        )
    return f"{sentence}; {available / 1e9:,.1f} GB are available."


def _nearest_neighbors(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, Search]:
    """Search here, or on all machines of the cluster that the job was submitted to, one task a GPU or a machine."""
    if private_node():
        index = NeighborIndex(vectors, k)
        return *index.rows(), index.search
    with ray_session() as cluster:
        from raycluster.clustering.distributed_neighbors import neighbors_in_blocks

        gpus = int(sum(node.gpus for node in cluster.nodes))
        if gpus:
            return neighbors_in_blocks(vectors, k, gpus, cpus_per_task=1, gpus_per_task=1)
        cpus = int(min(node.cpus for node in cluster.nodes if node.cpus >= 1))
        tasks = sum(int(node.cpus // cpus) for node in cluster.nodes)
        return neighbors_in_blocks(vectors, k, tasks, cpus_per_task=cpus)


def _cluster(options: ClusterOptions, run_dir: RunDir, found: VectorSet, clock: Clock, say: Say) -> RunSummary:
    n, n_clusters = len(found.vectors), options.clusters
    neighbors, distances, search = _nearest_neighbors(found.vectors, options.neighbors_of(n))
    clock.lap("neighbours")
    took = duration(clock.stages["neighbours"])
    say(f"Graph of {neighbors.shape[1]} neighbours each, by {search}, built in {took}")
    tree, weights = options.build_tree(neighbors, distances, found.vectors)
    clock.lap("merging")
    say(f"Merged down to one cluster in {duration(clock.stages['merging'])}")
    alternatives: list[int] = []
    if n_clusters == "auto":
        ranking = rank_n_clusters(tree, neighbors, weights)
        n_clusters, alternatives = ranking.chosen, ranking.alternatives
        with atomic_write(run_dir.path / "n_clusters.html") as partial:
            head = "<!doctype html><html lang=en><meta charset=utf-8><title>Number of clusters</title>"
            partial.write_text(f"{head}{k_plot(ranking)}</html>\n")
        clock.lap("number of clusters")
    labels = tree.cut(n_clusters)
    confidence = neighbor_agreement(neighbors, labels)
    health: dict[str, Any] = clustering_health(labels, n_clusters) | embedding_health(found.vectors)
    health["alternatives"] = alternatives
    health["neighbor_agreement"] = float(confidence.mean())
    judged = {name: value for name, value in health.items() if name != "mean_cosine"}  # vectors may be anything
    health["warnings"] = warnings_for(judged, ADVICE)
    if not (len(labels) == len(found.ids) == len(np.unique(found.ids))):
        raise RuntimeError(f"{n} vectors became {len(labels)} rows")
    run_dir.write_assignments(found.ids, found.paths, labels, confidence, found.labels)
    run_dir.write_merges({name: getattr(tree, name) for name in ("left", "right", "affinity", "size")})
    clock.lap("writing")
    summary = RunSummary(
        method=METHOD,
        images=n,
        rejected=len(found.rejected),
        clusters=n_clusters,
        seconds=round(sum(clock.stages.values()), 2),
        stages={stage: round(seconds, 2) for stage, seconds in clock.stages.items()},
        quality={} if found.labels is None else {METHOD: clustering_quality(found.labels, labels)},
        reported=METHOD,
        rejected_reasons=dict(Counter(rejected.reason for rejected in found.rejected).most_common()),
        health=health,
    )
    run_dir.write_summary(summary)
    return summary
