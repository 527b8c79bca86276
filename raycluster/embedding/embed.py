"""``raycluster.embed``: images from any source in, their embeddings by a trained network out, each exactly once."""

from __future__ import annotations

import hashlib
import json
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import check_apart, list_images, resolve_source
from raycluster.data.image.value_range import SET_RANGE, describe_range
from raycluster.data.survey import sample_value_range
from raycluster.embedding.part_files import RejectedRow, part_path, read_footer, read_ids
from raycluster.embedding.preflight import check_disk, spilled_bytes
from raycluster.embedding.shard_size import shard_limit
from raycluster.embedding.state import EmbeddingState, PendingRows
from raycluster.errors import TrainingFailed, UserError
from raycluster.methods.saved_network import load_network as load_run_network
from raycluster.nn.backbone import has_backbone, load_backbone
from raycluster.nn.network import Network
from raycluster.options import EmbedOptions
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.files import write_json
from raycluster.runtime.object_store import smallest_object_store
from raycluster.runtime.paths import absolute_out
from raycluster.runtime.ray_errors import check_ray_alive, explain
from raycluster.runtime.resources import Node, Plan, plan_resources
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import RaySession, private_node, ray_session
from raycluster.runtime.summary import reason_lines
from raycluster.runtime.units import count, duration, size
from raycluster.runtime.versions import installed_versions

if TYPE_CHECKING:
    from raycluster.embedding.stream import Done
    from raycluster.embedding.throughput import Throughput

METHOD = "embed"
IMAGE_SIZE = 224
MOST_CPU_WORKERS = 8
LISTEN_S = 0.5
BUSY_AFTER_S = 60.0
DECODERS = {
    "actors": "Workers decode the images.",
    "tasks": "Other processes decode the images.",
    "device": "The GPUs decode small JPEG files, other processes all other images.",
}


@dataclass(frozen=True)
class EmbedSummary:
    """What an export has to say for itself; the content of ``summary.json``.

    Attributes
    ----------
    method : str
        ``embed``.
    files, rows : int
        How many files there are, and how many rows in them; rows = images + rejected.
    images, rejected : int
        How many rows have an embedding, and how many were rejected.
    embedding_size : int
    parts : int
    embedded_now : int
        How many embeddings the last call made.
    seconds : float
        Of the last call.
    stages : dict of str to float
        Its seconds by stage, one after another.
    work : dict of str to float
        Its seconds of work in read, decode, forward and write, over all processes.
    images_per_second : float or None
        In the last call, after the first shard of each worker; None if there were no others.
    spilled_bytes : int or None
        What Ray wrote from its object store to disk in the last call; None if that is unknown.
    rejected_reasons : dict of str to int
    blank_now : int
        In how many of the images of the last call nothing, or hardly anything, can be seen.
    blank_paths : list of str
        The paths of the first of them.
    """

    files: int
    rows: int
    images: int
    rejected: int
    embedding_size: int
    parts: int
    embedded_now: int
    seconds: float
    stages: dict[str, float]
    work: dict[str, float]
    images_per_second: float | None
    spilled_bytes: int | None
    rejected_reasons: dict[str, int] = field(default_factory=dict)
    blank_now: int = 0
    blank_paths: list[str] = field(default_factory=list)
    method: str = METHOD


@dataclass
class EmbedProgress:
    """What this call has done so far."""

    clock: Clock
    embedded: int = 0
    blank: int = 0
    blank_paths: list[str] = field(default_factory=list)
    work: dict[str, float] = field(default_factory=dict)
    rate: float | None = None
    spilled: int | None = 0


def embed_source(options: EmbedOptions, console: Console | None = None) -> EmbedSummary:
    """Embed the images of a source that have no embedding in ``options.out`` yet, and check that then all have one.

    Parameters
    ----------
    options : EmbedOptions
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Raises
    ------
    UserError
        If the input, the folder or the cluster does not allow it; a sentence says why.
    TrainingFailed
        If Ray broke down; the same command continues.
    """
    with console or Console() as shown:
        return _embed_source(options, shown)


def _embed_source(options: EmbedOptions, console: Console) -> EmbedSummary:
    progress = EmbedProgress(Clock(time.perf_counter(), "start"))
    options = absolute(options)
    run_dir = RunDir(absolute_out(options.out))
    identity: dict[str, Any] = {"method": METHOD}
    identity |= {name: getattr(options, name) for name in ("model", "weights", "image_size", "labels")}
    identity |= {"data": public_name(options.data)} | options.reading.unusual()
    identity |= {"fit": options.fit} if options.fit else {}
    identity |= {"value_range": list(options.value_range)} if options.value_range else {}
    listing = None  # of a folder that is continued, later, when no other job can change it
    if run_dir.state(identity) == "new":
        console.progress(f"looking at {public_name(options.data)}")
        listing = list_images(options.data, options.reading.exclude)
        check_apart(options.data, listing, run_dir.path)
    net, fingerprint = load_network(options)
    node = private_node()
    if node:
        plan_workers([node], options)  # before Ray starts, which takes seconds
    run_dir.check_writable()
    with run_dir.lock():
        if run_dir.state(identity) == "new":
            begin(run_dir, identity, fingerprint, net)
        elif run_dir.config()["weights"] != fingerprint:
            raise UserError(
                f"The weights of {options.model} have changed since the work in {run_dir.path} began: choose another "
                "--out."
            )
        console.progress(f"looking at {public_name(options.data)}")
        state = EmbeddingState(run_dir.path, options.data, options.reading, listing)
        for sentence in state.sentences():
            console.say(sentence)
        progress.clock.lap("looking")
        if state.has_work:
            (run_dir.path / "summary.json").unlink(missing_ok=True)
            with ray_session(console) as cluster:
                _embed(options, run_dir, state, net, cluster, progress, console)
        return finish(run_dir, state, progress, console)


def absolute(options: EmbedOptions) -> EmbedOptions:
    """Return the options with absolute paths, so that the same files always have the same names."""
    is_folder = Path(options.model).expanduser().is_dir()
    return replace(
        options,
        model=resolve_source(options.model) if is_folder else options.model,
        data=resolve_source(options.data),
        weights=options.weights and resolve_source(options.weights),
    )


def load_network(options: EmbedOptions) -> tuple[Network, str]:
    """Return the network, ready to predict, and a fingerprint of its weights.

    Raises
    ------
    UserError
        If there is no such network, or the settings contradict each other.
    """
    folder = Path(options.model)
    if folder.is_dir():
        for name in ("weights", "image_size", "fit", "value_range"):
            if getattr(options, name) is not None:
                flag = name.replace("_", "-")
                raise UserError(f"--{flag} is for torchvision networks: the run {folder} has its own, leave it out.")
        net: Network = load_run_network(folder / "model")
        files = [folder / "model" / name for name in ("model.json", "model.safetensors")]
    elif not has_backbone(options.model):
        raise UserError(
            f"--model {options.model}: there is no such folder of a run, and torchvision has no classifier of this "
            "name (it has resnet18, resnet50, vit_b_16, ...)."
        )
    elif options.weights is None:
        raise UserError(
            f"--model {options.model} needs --weights FILE; nothing is downloaded. Save some once: "
            f"torch.save(torchvision.models.{options.model}(weights='DEFAULT').state_dict(), '{options.model}.pth'), "
            "or take the model.safetensors of a timm ResNet from Hugging Face."
        )
    else:
        net = load_backbone(options.model, Path(options.weights), options.image_size or IMAGE_SIZE)
        net.fit, net.value_range = options.fit or "crop", options.value_range
        files = [Path(options.weights)]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return net, digest.hexdigest()


def plan_workers(nodes: list[Node], options: EmbedOptions) -> Plan:
    """Share the cluster between actors that run the network and, with GPUs, tasks that decode.

    Raises
    ------
    UserError
        If the cluster cannot provide what was requested.
    """
    on_gpus = any(node.gpus for node in nodes) and options.gpus_per_worker != 0
    workers = options.workers
    if workers is None and not on_gpus:
        cores_each = [-(-int(node.cpus) // MOST_CPU_WORKERS) for node in nodes]
        workers = sum(int(node.cpus) // each for node, each in zip(nodes, cores_each, strict=True) if each) or 1
    plan = plan_resources(nodes, workers, options.gpus_per_worker, streaming=on_gpus)
    return replace(plan, cpus_per_worker=min(plan.cpus_per_worker, 1.0)) if on_gpus else plan  # other cores decode


def begin(run_dir: RunDir, identity: dict[str, Any], fingerprint: str, net: Network) -> None:
    """Write ``config.json``; what changes later is in ``files.parquet``."""
    run_dir.write_config(
        {
            "identity": identity,
            "weights": fingerprint,
            "canvas": asdict(net.canvas),
            "embedding_size": net.embedding_size,
            "versions": installed_versions(),
        }
    )


def settle_value_range(
    run_dir: RunDir, net: Network, order: PendingRows, console: Console
) -> tuple[float, float] | None:
    """Return what becomes black and white in images of more than 8 bits: as before, as asked for, or from a sample."""
    config = run_dir.config()
    before = config.get("canvas", {}).get("value_range") or net.value_range
    if before:
        return before[0], before[1]
    readable = np.setdiff1d(np.arange(len(order.ids)), list(order.reasons))
    found = sample_value_range(order.rows.select(readable))
    if found:
        can_be_set = "" if Path(config["identity"]["model"]).is_dir() else SET_RANGE
        console.say(f"Some images have more than 8 bits: {describe_range(*found)}{can_be_set}.")
        run_dir.write_config(config | {"canvas": asdict(replace(net.canvas, value_range=found))})
    return found


def _embed(
    options: EmbedOptions,
    run_dir: RunDir,
    state: EmbeddingState,
    net: Network,
    cluster: RaySession,
    progress: EmbedProgress,
    console: Console,
) -> None:
    from raycluster.embedding.stream import decode_place, embed_shards, threads_of
    from raycluster.embedding.throughput import Throughput

    plan = plan_workers(cluster.nodes, options)
    progress.clock.lap("ray start")
    image_bytes = int(np.prod(net.shape))
    store = smallest_object_store()
    limit, sentence = shard_limit(store, image_bytes)
    work = state.plan(image_bytes, limit)
    for note in [*work.notes, *([sentence] if sentence else [])]:
        console.say(note)
    n, total = len(work.order.ids), state.manifest.n
    net.value_range = settle_value_range(run_dir, net, work.order, console)
    disk = check_disk(run_dir.path, n, net.embedding_size, work.order.paths.nbytes)
    shape = " x ".join(map(str, net.shape))
    files = count(len(state.manifest.names), "file")
    console.say(f"{public_name(options.data)}: {count(total, 'row')} in {files}, {n:,} of them to embed")
    console.say(
        f"{size(n * image_bytes)} of images ({shape}) in {count(len(work.shards), 'shard')} pass through an object "
        f"store of {size(store)}; {disk}"
    )
    cores = sum(node.cpus for node in cluster.nodes) / plan.workers
    decode = decode_place(torch.device("cuda" if plan.gpus_per_worker else "cpu"), cores)
    console.say(f"{plan}, {count(threads_of(plan), 'thread')} each. {DECODERS[decode]} Embeddings go to {run_dir.path}")
    progress.clock.lap("planning")
    before = spilled_bytes()
    meter = Throughput(total, total - n, min(plan.workers, len(work.shards)))
    try:
        stream = embed_shards(work.order, work.shards, net, run_dir.path, plan, decode)
        _follow(stream, meter, cluster, console)
    finally:
        progress.embedded, progress.work, progress.rate = meter.rows, dict(meter.seconds), meter.rate
        progress.blank, progress.blank_paths = meter.blank, meter.blank_paths
    progress.clock.lap("embedding")
    after = spilled_bytes()
    progress.spilled = None if before is None or after is None else after - before


def _follow(stream: Iterator[Done], meter: Throughput, cluster: RaySession, console: Console) -> None:
    """Count and show shards as they are done. Ray Data runs in another thread, so that this one hears Ctrl-C."""
    done: queue.SimpleQueue[Done | BaseException | None] = queue.SimpleQueue()
    threading.Thread(target=_drain, args=(stream, done), daemon=True).start()
    began = time.monotonic()
    while True:
        if meter.rows + meter.rejected:
            console.progress("embedding", meter.describe())
        else:
            busy = ": other jobs may be using the machines" if time.monotonic() - began > BUSY_AFTER_S else ""
            console.progress("embedding", f"waiting for the first shard{busy}")
        try:
            item = done.get(timeout=LISTEN_S)
        except queue.Empty:
            _check_alive(cluster)
        else:
            if item is None:
                return
            if isinstance(item, BaseException):
                raise explain(item, "Embedding", cluster.logs, (UserError, OSError)) from item
            meter.add(item)


def _check_alive(cluster: RaySession) -> None:
    try:
        check_ray_alive(cluster.logs)
    except TrainingFailed:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # its thread fails from here on
        raise


def _drain(stream: Iterator[Done], done: queue.SimpleQueue[Any]) -> None:
    try:
        for item in stream:
            done.put(item)
        done.put(None)
    except BaseException as error:
        done.put(error)


def finish(run_dir: RunDir, state: EmbeddingState, progress: EmbedProgress, console: Console) -> EmbedSummary:
    """Read back what was written, check that every row is there exactly once, and write the summary last."""
    console.progress("checking embeddings")
    manifest = state.manifest
    edges = manifest.edges().tolist()
    parts = [path for path in (part_path(run_dir.path, shard) for shard in range(len(edges))) if path.exists()]
    ids, rejected = [np.empty(0, np.int64)], []
    for part in parts:
        footer = read_footer(part)
        if footer is None:
            raise RuntimeError(f"{part} is not complete")
        ids.append(read_ids(part))
        rejected += footer.rejected
    check_all_there(manifest.ids(0, manifest.next_id), np.concatenate(ids), rejected)
    run_dir.write_rejected([(row.path, row.reason) for row in sorted(rejected)])
    config = run_dir.config()
    progress.clock.lap("checking")
    images = manifest.n - len(rejected)
    summary = EmbedSummary(
        files=len(manifest.names),
        rows=manifest.n,
        images=images,
        rejected=len(rejected),
        embedding_size=config["embedding_size"],
        parts=len(parts),
        embedded_now=progress.embedded,
        seconds=round(sum(progress.clock.stages.values()), 2),
        stages={stage: round(seconds, 2) for stage, seconds in progress.clock.stages.items()},
        work={stage: round(seconds, 2) for stage, seconds in progress.work.items()},
        images_per_second=progress.rate and round(progress.rate, 1),
        spilled_bytes=progress.spilled,
        rejected_reasons=dict(Counter(row.reason for row in rejected).most_common()),
        blank_now=progress.blank,
        blank_paths=progress.blank_paths,
    )
    if images == 0:
        first = "; ".join(f"{row.path}: {row.reason}" for row in sorted(rejected)[:3])
        raise UserError(f"None of the {manifest.n:,} inputs is a readable image ({first}): choose --data with images.")
    if (run_dir.path / "summary.json").exists() and not progress.embedded:
        before = EmbedSummary(**json.loads((run_dir.path / "summary.json").read_text()))
        if (before.rows, before.images) == (summary.rows, summary.images):
            console.say(f"{run_dir.path} already holds these embeddings, and nothing has changed.")
            show_embeddings(console, run_dir.path, before)
            return before
    write_json(run_dir.path / "summary.json", asdict(summary))
    show_embeddings(console, run_dir.path, summary)
    return summary


def check_all_there(wanted: np.ndarray, ids: np.ndarray, rejected: list[RejectedRow]) -> None:
    """Raise RuntimeError unless embedded and rejected rows together have the ids wanted, each exactly once."""
    found = np.sort(np.concatenate([ids, np.array([row.id for row in rejected], np.int64)]))
    if not np.array_equal(found, wanted):
        missing, twice = np.setdiff1d(wanted, found), len(found) - len(np.unique(found))
        raise RuntimeError(
            f"{len(wanted):,} rows became {len(found):,}: {len(missing):,} are missing and {twice:,} are there twice"
        )


def show_embeddings(console: Console, out: Path, summary: EmbedSummary) -> None:
    """Say how many rows were embedded and rejected, how long it took, and where the embeddings are."""
    stages = ", ".join(f"{name} {duration(seconds)}" for name, seconds in summary.stages.items())
    rows = f"{count(summary.rows, 'row')} in {count(summary.files, 'file')}"
    lines = [
        f"embed: {rows} = {count(summary.images, 'embedding')} + {summary.rejected:,} rejected; ids unique, "
        f"{count(summary.parts, 'part')}, checked",
        f"{summary.embedded_now:,} embedded this time, {duration(summary.seconds)} ({stages})",
    ]
    if summary.work:
        work = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in summary.work.items())
        speed = f"{summary.images_per_second:,.0f} images/s; " if summary.images_per_second else ""
        lines.append(f"{speed}work of all processes: {work}")
    if summary.rejected:
        lines.append(f"{count(summary.rejected, 'input')} rejected (rejected.parquet):")
        lines += reason_lines(summary.rejected_reasons)
    console.say("\n".join(lines))
    if summary.blank_now:
        some = f"{', '.join(summary.blank_paths)}{', ...' if summary.blank_now > len(summary.blank_paths) else '.'}"
        console.warn(
            f"{summary.blank_now:,} of the {summary.embedded_now:,} images embedded now are nearly blank: {some}"
        )
    if summary.spilled_bytes:
        console.warn(
            f"Ray's object store was full, and {size(summary.spilled_bytes)} went through the disk: give it more "
            "memory, or use fewer --workers."
        )
    console.say(f"All embeddings are in {out / 'embeddings'}.")
