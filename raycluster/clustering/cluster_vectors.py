"""``raycluster.cluster``: vectors in, clusters and the whole merge tree out, by graph degree linkage."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import check_apart, resolve_source
from raycluster.data.vectors.files import find_vector_files
from raycluster.data.vectors.vector_set import VectorSet, open_vectors, read_vector_files
from raycluster.errors import UserError
from raycluster.graph.counting.outcomes import describe
from raycluster.graph.memory import clustering_bytes
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.faiss_index import Search
from raycluster.graph.neighbors.nearest import NeighborIndex, neighbors_remark
from raycluster.metrics.health import Advice, clustering_health, embedding_health, neighbor_agreement, warnings_for
from raycluster.metrics.quality import clustering_quality
from raycluster.options import ClusterOptions
from raycluster.report.k_section import k_page
from raycluster.results.finished_run import check_complete
from raycluster.runtime.background import run_beside
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.files import atomic_write
from raycluster.runtime.machine import available_memory
from raycluster.runtime.paths import absolute_out
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import private_node, ray_session
from raycluster.runtime.summary import RunSummary, repeat_summary, show_summary
from raycluster.runtime.units import count, duration
from raycluster.runtime.versions import installed_versions

METHOD = "gdl"
NO_DIRECTION = "its vector is all zeros, which has no cosine (--metric euclidean takes it)"
ADVICE = Advice(
    one_cluster="the clusters have chained together; try fewer --n-neighbors, or --affinity local",
    collapsed="try other embeddings",
)


def cluster_vectors(options: ClusterOptions, console: Console | None = None) -> RunSummary:
    """Cluster, and write ``assignments.parquet``, ``merges.parquet``, ``rejected.parquet`` and ``summary.json``.

    With ``clusters="auto"`` also ``n_clusters.html``: the number chosen, other plausible ones, and what each gives.

    Parameters
    ----------
    options : ClusterOptions
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Raises
    ------
    UserError
        If the input or the folder does not allow it; a sentence says why.
    """
    with console or Console() as shown:
        return _cluster_vectors(options, shown)


def _cluster_vectors(options: ClusterOptions, console: Console) -> RunSummary:
    clock = Clock(time.perf_counter(), "start")
    options = replace(options, embeddings=resolve_source(options.embeddings))
    run_dir = RunDir(absolute_out(options.out))
    identity = {"method": METHOD} | {name: value for name, value in asdict(options).items() if name != "out"}
    shown = public_name(options.embeddings)
    identity["embeddings"] = shown
    check_complete(options.embeddings)
    if run_dir.state(identity) == "finished":
        if open_vectors(options.embeddings, options.column).fingerprint != run_dir.config()["fingerprint"]:
            raise UserError(f"The vectors in {shown} have changed since they were clustered: choose another --out.")
        return repeat_summary(console, run_dir, "clustering")
    run_dir.check_writable()
    console.progress(f"reading {shown}")
    files = find_vector_files(options.embeddings, options.column)
    check_apart(options.embeddings, files.listing, run_dir.path, "--embeddings")
    console.say(memory_sentence(files.rows, files.numbers, options, available_memory()))
    found = read_vector_files(files)
    if options.metric == "cosine":
        found = of_unit_length(found)
    n, size = found.vectors.shape
    for note in found.notes:
        console.say(note)
    rejected = f", {len(found.rejected):,} rejected" if found.rejected else ""
    console.say(f"{shown}: {count(n, 'vector')} of {count(size, 'number')}{rejected}")
    if options.clusters != "auto" and options.clusters > n:
        raise UserError(f"clusters={options.clusters}, but only {n} vectors are usable: choose at most {n}.")
    if n < 2:
        raise UserError(f"{shown} holds only one usable vector: at least 2 are needed.")
    with run_dir.lock():
        run_dir.write_config({"identity": identity, "fingerprint": found.fingerprint, "versions": installed_versions()})
        run_dir.write_rejected(found.rejected)
        clock.lap("vectors")
        summary = _cluster(options, run_dir, found, clock, console)
    show_summary(console, run_dir.path, summary)
    return summary


def of_unit_length(found: VectorSet) -> VectorSet:
    """Scale all vectors to length 1, where Euclidean distances rank as cosines do; reject those without a direction."""
    lengths = np.linalg.norm(found.vectors, axis=1, keepdims=True)
    has_direction = lengths[:, 0] > 0
    if not has_direction.all():
        found = found.without(~has_direction, NO_DIRECTION)
        lengths = lengths[has_direction]
    vectors = np.require(found.vectors, requirements="W")  # in place: there may be gigabytes of them
    vectors /= lengths
    return replace(found, vectors=vectors)


def memory_sentence(n: int, numbers: int, options: ClusterOptions, available: float) -> str:
    """Say how much memory the clustering of n vectors, ``numbers`` numbers in all, may take, and how much there is.

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


def _nearest_neighbors(vectors: np.ndarray, k: int, console: Console) -> tuple[np.ndarray, np.ndarray, Search]:
    """Search here, or on the cluster that the job was submitted to, with one task for each GPU or machine."""
    if private_node():
        return run_beside(lambda: _search_here(vectors, k), lambda: console.progress("searching for neighbors"))
    with ray_session(console) as cluster:
        console.progress("searching for neighbors")
        from raycluster.clustering.distributed_neighbors import neighbors_in_blocks

        gpus = int(sum(node.gpus for node in cluster.nodes))
        if gpus:
            return neighbors_in_blocks(vectors, k, gpus, cpus_per_task=1, gpus_per_task=1)
        cpus = int(min(node.cpus for node in cluster.nodes if node.cpus >= 1))
        tasks = sum(int(node.cpus // cpus) for node in cluster.nodes)
        return neighbors_in_blocks(vectors, k, tasks, cpus_per_task=cpus)


def _search_here(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, Search]:
    index = NeighborIndex(vectors, k)
    return *index.rows(), index.search


def _cluster(options: ClusterOptions, run_dir: RunDir, found: VectorSet, clock: Clock, console: Console) -> RunSummary:
    n, n_clusters = len(found.vectors), options.clusters
    neighbors, distances, search = _nearest_neighbors(found.vectors, options.neighbors_of(n), console)
    clock.lap("neighbors")
    took = duration(clock.stages["neighbors"])
    console.say(f"Found {neighbors.shape[1]} neighbors of each vector, by {search}, in {took}")
    tree, weights, groups = run_beside(
        lambda: options.build_tree(neighbors, distances, found.vectors), lambda: console.progress("merging clusters")
    )
    clock.lap("merging")
    console.say(f"Merged all clusters into one in {duration(clock.stages['merging'])}")
    counted: dict[str, Any] = {"alternatives": []}
    remark = neighbors_remark(options.n_neighbors, n)
    remarks = [remark] if remark else []
    if n_clusters == "auto":
        ranking = run_beside(
            lambda: rank_n_clusters(tree, neighbors, weights, groups=groups, features=found.vectors),
            lambda: console.progress("choosing the number of clusters"),
        )
        n_clusters, counted = ranking.chosen, describe(ranking, tree, neighbors, weights)
        remarks += ranking.remarks
        with atomic_write(run_dir.path / "n_clusters.html") as partial:
            partial.write_text(k_page(counted, found.paths))
        clock.lap("number of clusters")
    console.progress("writing results")
    labels = tree.cut(n_clusters)
    confidence = neighbor_agreement(neighbors, labels, groups and groups.isolate(neighbors, weights) > 0)
    health: dict[str, Any] = clustering_health(labels, n_clusters) | embedding_health(found.vectors) | counted
    health["neighbor_agreement"] = float(confidence.mean())
    judged = {name: value for name, value in health.items() if name != "mean_cosine"}  # any cosine is fine for vectors
    health["warnings"] = remarks + warnings_for(judged, ADVICE)
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
