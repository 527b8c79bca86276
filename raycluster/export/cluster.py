"""``raycluster.cluster``: vectors in, clusters and the whole merge tree out, by graph degree linkage."""

from __future__ import annotations

import importlib.metadata
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from raycluster.data.sources import absolute_source
from raycluster.data.vectors import VectorSet, open_vectors
from raycluster.errors import UserError
from raycluster.evaluate.health import clustering_health, embedding_health, neighbor_agreement, warnings_for
from raycluster.evaluate.metrics import clustering_quality
from raycluster.graph.affinity import sample_affinity
from raycluster.graph.estimator import default_n_neighbors
from raycluster.graph.linkage import link
from raycluster.graph.n_clusters import n_neighbors_without_k, rank_n_clusters
from raycluster.graph.neighbors import NeighborIndex
from raycluster.graph.pieces import first_clusters
from raycluster.report.k_plot import k_plot
from raycluster.training.cluster import absolute_out
from raycluster.training.progress import Clock, Say, duration, say_at_once
from raycluster.training.results import tell
from raycluster.training.run_dir import RunDir, RunSummary, written_whole

METHOD = "gdl"


@dataclass(frozen=True)
class ClusterOptions:
    """What is clustered, into how many clusters, on which graph."""

    embeddings: str
    """Where the vectors are: Parquet with a column of vectors (such as a run's embeddings/), or NPY; a folder, a file
    or a glob."""
    clusters: int | Literal["auto"]
    """K, how many clusters to find; auto: as many as the merge tree and its graph show."""
    out: str
    """The folder for the results. The same command again tells what was found there, or begins anew what was killed."""
    column: str | None = None
    """The column of the vectors; by default embedding, or else the only one that can be."""
    n_neighbors: int | None = None
    """K_s, neighbours of each vector in the graph; by default n / (10 K), or 1.2 n^(1/3) where K is to be found, but at
    least 10 and at most 100."""
    affinity: Literal["local", "global"] = "local"
    """One σ for each vector (local), or one for all (global)."""
    sigma_scale: float = 1.0
    """a, the factor on σ² in the affinity of two vectors."""
    n_neighbor_clusters: int = 5
    """K_c, neighbouring clusters that the local structure term compares with."""
    local_structure: float = 1.0
    """λ, the weight of the local structure term."""
    join_pieces: bool = True
    """Join small pieces that the graph leaves without affinity to their nearest neighbour."""


def cluster_vectors(options: ClusterOptions, say: Say = say_at_once) -> RunSummary:
    """Cluster, and write ``assignments.parquet``, ``merges.parquet``, ``rejected.parquet`` and ``summary.json``.

    With ``clusters="auto"`` also ``n_clusters.svg``, the score of every number of clusters.

    Raises
    ------
    UserError
        If something about the input or the folder does not allow it; a sentence says what.
    """
    clock = Clock(time.perf_counter(), "start")
    if options.clusters != "auto" and options.clusters < 1:
        raise UserError(f"clusters={options.clusters}: choose at least 1.")
    options = replace(options, embeddings=absolute_source(options.embeddings))
    run_dir = RunDir(absolute_out(options.out))
    identity = {"method": METHOD} | {name: value for name, value in asdict(options).items() if name != "out"}
    if run_dir.state(identity) == "finished":
        summary = run_dir.summary()
        say(f"{run_dir.path} holds this clustering already.")
        say(tell(run_dir, summary))
        return summary
    found = open_vectors(options.embeddings, options.column)
    n, size = found.vectors.shape
    for note in found.notes:
        say(note)
    aside = f", {len(found.rejected):,} set aside" if found.rejected else ""
    say(f"{options.embeddings}: {n:,} vectors of {size} numbers{aside}")
    if options.clusters != "auto" and options.clusters > n:
        raise UserError(f"clusters={options.clusters}, but only {n} vectors are usable: choose at most {n}.")
    with run_dir.lock():
        versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba", "pyarrow")}
        run_dir.write_config({"identity": identity, "fingerprint": found.fingerprint, "versions": versions})
        run_dir.write_rejected(found.rejected)
        clock.lap("vectors")
        summary = _cluster(options, run_dir, found, clock, say)
    say(tell(run_dir, summary))
    return summary


def _cluster(options: ClusterOptions, run_dir: RunDir, found: VectorSet, clock: Clock, say: Say) -> RunSummary:
    n, n_clusters = len(found.vectors), options.clusters
    k = n_neighbors_without_k(n) if n_clusters == "auto" else default_n_neighbors(n, n_clusters)
    index = NeighborIndex(found.vectors, options.n_neighbors or k)
    neighbors, distances = index.rows()
    weights = sample_affinity(distances, options.sigma_scale, options.affinity)
    clock.lap("neighbours")
    took = duration(clock.stages["neighbours"])
    say(f"Graph of {neighbors.shape[1]} neighbours each, by {index.search}, built in {took}")
    tree = link(
        neighbors,
        weights,
        first_clusters(neighbors),
        n_neighbor_clusters=options.n_neighbor_clusters,
        local_structure=options.local_structure,
        join_pieces=options.join_pieces,
        features=found.vectors,
    )
    clock.lap("merging")
    say(f"Merged down to one cluster in {duration(clock.stages['merging'])}")
    alternatives: list[int] = []
    if n_clusters == "auto":
        ranking = rank_n_clusters(tree, neighbors, weights)
        n_clusters = ranking.chosen
        alternatives = [candidate.n_clusters for candidate in ranking.ranked[1:]]
        with written_whole(run_dir.path / "n_clusters.svg") as partial:
            partial.write_text(k_plot(ranking))
        clock.lap("number of clusters")
    labels = tree.cut(n_clusters)
    confidence = neighbor_agreement(neighbors, labels)
    health: dict[str, Any] = clustering_health(labels, n_clusters) | embedding_health(found.vectors)
    health["alternatives"] = alternatives
    health["neighbor_agreement"] = float(confidence.mean())
    health["warnings"] = warnings_for({name: value for name, value in health.items() if name != "mean_cosine"})
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
        rejected_reasons=dict(Counter(rejected.reason for rejected in found.rejected).most_common()),
        health=health,
    )
    run_dir.write_summary(summary)
    return summary
