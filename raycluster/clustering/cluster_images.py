"""``raycluster.cluster`` with images: embeddings by a pretrained network, and clusters of them, in a run folder."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from raycluster.clustering.cluster_vectors import check_enough, memory_sentence, settings_of
from raycluster.clustering.clustering_page import write_clustering_page
from raycluster.clustering.graph_clustering import Clustering, cluster_graph, write_clustering
from raycluster.clustering.growth import follow
from raycluster.clustering.rivals import check_installed
from raycluster.data.files.location import public_name
from raycluster.data.files.sources import resolve_source
from raycluster.data.thumbnails import thumbnails
from raycluster.data.vectors.metric import MetricSpace
from raycluster.data.vectors.vector_set import VectorSet, open_vectors
from raycluster.embedding.part_files import FOLDER
from raycluster.embedding.pretrained import backbone_name, load_pretrained, prepared_by
from raycluster.embedding.state import EmbeddingState
from raycluster.embedding.update import (
    EmbedProgress,
    Written,
    begin_or_continue,
    embed_missing,
    embedding_warnings,
    find_missing,
    list_if_new,
    none_embedded,
    plan_workers,
    read_back,
)
from raycluster.nn.backbone.network import Backbone
from raycluster.options import ClusterOptions
from raycluster.remote.destination import results_in
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.files import read_parquet, write_parquet
from raycluster.runtime.identity import differing
from raycluster.runtime.machine import available_memory
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import private_node, ray_session_for
from raycluster.runtime.summary import RunSummary, repeat_summary, show_summary
from raycluster.runtime.units import count

METHOD = "pretrained"
METRIC = "centered"
BEFORE, SUMMARY = "assignments-before.parquet", "summary.json"
CLUSTERED = ("id", "cluster")  # columns of the assignments


def cluster_images(options: ClusterOptions, console: Console | None = None) -> RunSummary:
    """Embed the images that have no embedding yet, cluster all of them, and write the run folder.

    Called again, it does what an interruption left undone. Of a source that has grown, it embeds only what is new,
    clusters all images again, and says what has moved.

    Parameters
    ----------
    options : ClusterOptions
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Raises
    ------
    UserError
        If the input, the folder or the cluster does not allow it; a sentence says why.
    TrainingFailed
        If Ray broke down; the same command continues.
    """
    with console or Console() as shown, results_in(options.out, shown, options.data) as out:
        return _cluster_images(options, RunDir(out), shown)


def _cluster_images(options: ClusterOptions, run_dir: RunDir, console: Console) -> RunSummary:
    clock = Clock(time.perf_counter(), "start")
    data = resolve_source(options.data or "")
    options = replace(options, weights=options.weights and resolve_source(options.weights))
    check_installed(options.compare)
    identity: dict[str, Any] = {"method": METHOD, "data": public_name(data), "labels": options.labels}
    identity |= options.reading.unusual() | prepared_by(options) | settings_of(options) | {"metric": METRIC}
    take_settings(run_dir, identity, settings_of(options))
    listing = list_if_new(run_dir, identity, data, options.exclude, console)
    clock.lap("looking")
    net, fingerprint = load_pretrained(options, console)
    clock.lap("network")
    node = private_node()
    if node:
        plan_workers([node], options)  # before Ray starts, which takes seconds
    run_dir.check_writable()
    with run_dir.lock():
        begin_or_continue(run_dir, identity, fingerprint, net, backbone_name(options))
        state = find_missing(run_dir, data, options.reading, listing, console)
        if not state.has_work and is_current(run_dir, read_back(run_dir, state.manifest)):
            return repeat_summary(console, run_dir, "clustering")
        begin_again(run_dir)
        clock.lap("looking")
        if state.has_work:
            progress = EmbedProgress(clock)
            embed_missing(data, options, run_dir, state, net, progress, console)
            for warning in embedding_warnings(
                progress.embedded, progress.blank, progress.blank_paths, progress.spilled
            ):
                console.warn(warning)
        found, rejected = read_embeddings(run_dir, state, console)
        check_enough(len(found.ids), options, f"{public_name(data)} holds only one readable image")
        console.say(memory_sentence(len(found.vectors), found.vectors.size, options, available_memory()))
        clock.lap("checking")
        clustering = cluster_graph(options, run_dir, found, clock, console)
        summary = write_run(run_dir, state, net, found, rejected, clustering, clock, console)
    show_summary(console, run_dir.path, summary)
    return summary


def take_settings(run_dir: RunDir, identity: dict[str, Any], settings: dict[str, Any]) -> None:
    """Where nothing has been clustered yet, let other settings of the clustering continue with the embeddings.

    They may be the remedy for a number of clusters that turned out to be too large, for example.
    """
    if not (run_dir.path / "config.json").exists() or (run_dir.path / "assignments.parquet").exists():
        return
    before = run_dir.config()["identity"]
    changed = differing(before, identity)
    if changed and set(changed) <= {*settings, "compare"}:
        with run_dir.lock():
            run_dir.write_config(run_dir.config() | {"identity": identity})


def is_current(run_dir: RunDir, written: Written) -> bool:
    """Return whether a run is finished, and with the embeddings that there are now."""
    if not (run_dir.path / SUMMARY).exists():
        return False
    clustered = run_dir.read_table("assignments", ["id"])["id"].to_numpy()
    rejected = run_dir.summary().rejected
    return np.array_equal(np.sort(clustered), np.sort(written.ids)) and rejected == len(written.rejected)


def begin_again(run_dir: RunDir) -> None:
    """Keep the clusters of a finished run for a comparison, and mark the run as unfinished.

    Whenever this is killed, a repetition has the same effect: the clusters are kept before the mark is removed.
    """
    if (run_dir.path / SUMMARY).exists():
        write_parquet(run_dir.path / BEFORE, run_dir.read_table("assignments", CLUSTERED))
        (run_dir.path / SUMMARY).unlink()


def read_embeddings(
    run_dir: RunDir, state: EmbeddingState, console: Console
) -> tuple[VectorSet, list[tuple[str, str]]]:
    """Return all embeddings, centered, and the paths and reasons of the rejected inputs, which are written, too."""
    console.progress("checking embeddings")
    written = read_back(run_dir, state.manifest)
    rejected = [(row.path, row.reason) for row in written.rejected]
    run_dir.write_rejected(rejected)
    if not len(written.ids):
        raise none_embedded(state.manifest, written.rejected)
    found = open_vectors(str(run_dir.path / FOLDER))
    if not np.array_equal(found.ids, written.ids):
        raise RuntimeError(f"{len(written.ids):,} embeddings were read as {len(found.ids):,} vectors")
    others = f", {len(rejected):,} rejected" if rejected else ""
    console.say(f"{count(len(found.ids), 'embedding')} of {count(found.vectors.shape[1], 'number')}{others}")
    vectors, _ = MetricSpace(METRIC, found.vectors).place(found.vectors)
    return replace(found, vectors=vectors), rejected


def write_run(
    run_dir: RunDir,
    state: EmbeddingState,
    net: Backbone,
    found: VectorSet,
    rejected: list[tuple[str, str]],
    clustering: Clustering,
    clock: Clock,
    console: Console,
) -> RunSummary:
    """Write what is still missing in the run folder, the summary last."""
    console.progress("writing results")
    moved: dict[str, Any] = {}
    if (run_dir.path / BEFORE).exists():
        before = read_parquet(run_dir.path / BEFORE, CLUSTERED, "remove it, then run the same command again")
        followed = follow(before["id"].to_numpy(), before["cluster"].to_numpy(), found.ids, clustering.clusters)
        clustering, moved = replace(clustering, clusters=followed.clusters), followed.moved
    value_range = run_dir.config()["canvas"]["value_range"]
    net.value_range = value_range and tuple(value_range)
    run_dir.write_model(net, net.architecture())
    summary = write_clustering(run_dir, METHOD, found, clustering, rejected, clock, moved=moved)

    def read_pictures(rows: np.ndarray, long_side: int) -> list[bytes | None]:
        return thumbnails(state.originals(found.ids[rows]), net.value_range, long_side=long_side)

    names = list(state.manifest.class_names) or None
    with ray_session_for(state.listing, console):
        summary = write_clustering_page(
            run_dir, summary, found, clustering, clock, console, read_pictures=read_pictures, class_names=names
        )
    run_dir.write_summary(summary)
    return summary
