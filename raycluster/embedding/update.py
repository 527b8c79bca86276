"""Embeddings brought up to date with a source: what is missing is embedded, each image exactly once, and checked."""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import Listing, check_apart, list_images
from raycluster.data.image.value_range import SET_RANGE, describe_range
from raycluster.data.reading import Reading
from raycluster.data.survey import sample_value_range
from raycluster.embedding.manifest import Manifest
from raycluster.embedding.part_files import RejectedRow, part_path, read_footer, read_ids
from raycluster.embedding.preflight import check_disk, spilled_bytes
from raycluster.embedding.shard_size import shard_limit
from raycluster.embedding.state import EmbeddingState, PendingRows
from raycluster.errors import UserError
from raycluster.nn.network import Network
from raycluster.options import ResourceOptions
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.object_store import smallest_object_store
from raycluster.runtime.ray_errors import explain
from raycluster.runtime.resources import Node, Plan, plan_resources
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import RaySession, ray_session
from raycluster.runtime.units import count, size
from raycluster.runtime.versions import installed_versions

if TYPE_CHECKING:
    from raycluster.embedding.stream import Done
    from raycluster.embedding.throughput import Throughput

MOST_CPU_WORKERS = 8
LISTEN_S = 0.5
LEAVE_S = 5.0
BUSY_AFTER_S = 60.0
DECODERS = {
    "actors": "Workers decode the images.",
    "tasks": "Other processes decode the images.",
    "device": "The GPUs decode small JPEG files, other processes all other images.",
}


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


class Written(NamedTuple):
    """What the part files hold: the ids of all embeddings int64 [n], the rejected rows, and how many files it is."""

    ids: np.ndarray
    rejected: list[RejectedRow]
    parts: int


def plan_workers(nodes: list[Node], options: ResourceOptions) -> Plan:
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


def list_if_new(
    run_dir: RunDir, identity: dict[str, Any], data: str, exclude: tuple[str, ...], console: Console
) -> Listing | None:
    """Return the files of the source of new work; None for work that is continued.

    Its files are listed later, when no other job can change what is in the folder.

    Raises
    ------
    UserError
        If the source is not there, or the folder is inside it or holds something else.
    """
    if run_dir.state(identity) != "new":
        return None
    console.progress(f"looking at {public_name(data)}")
    listing = list_images(data, exclude)
    check_apart(data, listing, run_dir.path)
    return listing


def find_missing(
    run_dir: RunDir, data: str, reading: Reading, listing: Listing | None, console: Console
) -> EmbeddingState:
    """Compare a folder with the source, and say what is found; its lock must be held."""
    console.progress(f"looking at {public_name(data)}")
    state = EmbeddingState(run_dir.path, data, reading, listing)
    for sentence in state.sentences():
        console.say(sentence)
    return state


def begin_or_continue(run_dir: RunDir, identity: dict[str, Any], fingerprint: str, net: Network, network: str) -> None:
    """Write the ``config.json`` of new work, or check that what has begun was done with the same weights.

    What changes as a set grows is in ``files.parquet``.

    Raises
    ------
    UserError
        If the weights of ``network``, as the user calls it, have changed.
    """
    if run_dir.state(identity) == "new":
        run_dir.write_config(
            {
                "identity": identity,
                "weights": fingerprint,
                "canvas": asdict(net.canvas),
                "embedding_size": net.embedding_size,
                "versions": installed_versions(),
            }
        )
    elif run_dir.config()["weights"] != fingerprint:
        raise UserError(
            f"The weights of {network} have changed since the work in {run_dir.path} began: choose another --out."
        )


def embed_missing(
    data: str,
    resources: ResourceOptions,
    run_dir: RunDir,
    state: EmbeddingState,
    net: Network,
    progress: EmbedProgress,
    console: Console,
) -> None:
    """Embed the rows of a source that have no embedding in a folder yet, on Ray.

    Parameters
    ----------
    data : str
        The source.
    resources : ResourceOptions
    run_dir : RunDir
    state : EmbeddingState
        Of the folder.
    net : Network
    progress : EmbedProgress
        Is updated.
    console : Console

    Raises
    ------
    UserError
        If the cluster or the disk does not allow it.
    TrainingFailed
        If Ray broke down; a second call goes on.
    """
    check_disk(run_dir.path, state.fewest_missing, net.embedding_size, 0)  # before Ray starts, which takes seconds
    with ray_session(console) as cluster:
        from raycluster.data.pipeline import check_seen
        from raycluster.embedding.stream import decode_place, embed_shards, threads_of
        from raycluster.embedding.throughput import Throughput
        from raycluster.remote.shared_folder import share

        plan = plan_workers(cluster.nodes, resources)
        check_seen(state.listing.local_file, f"--data {public_name(data)}")
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
        console.say(f"{public_name(data)}: {count(total, 'row')} in {files}, {n:,} of them to embed")
        console.say(
            f"{size(n * image_bytes)} of images ({shape}) in {count(len(work.shards), 'shard')} pass through an object "
            f"store of {size(store)}; {disk}"
        )
        cores = sum(node.cpus for node in cluster.nodes) / plan.workers
        decode = decode_place(torch.device("cuda" if plan.gpus_per_worker else "cpu"), cores)
        threads = count(threads_of(plan), "thread")
        console.say(f"{plan}, {threads} each. {DECODERS[decode]} Embeddings go to {run_dir.path}")
        progress.clock.lap("planning")
        before = spilled_bytes()
        meter = Throughput(total, total - n, min(plan.workers, len(work.shards)))
        try:
            with share(run_dir.path, cluster) as folder:
                stream = embed_shards(work.order, work.shards, net, folder, plan, decode)
                _follow(stream, meter, cluster, console)
        finally:
            progress.embedded, progress.work, progress.rate = meter.rows, dict(meter.seconds), meter.rate
            progress.blank, progress.blank_paths = meter.blank, meter.blank_paths
        progress.clock.lap("embedding")
        after = spilled_bytes()
        progress.spilled = None if before is None or after is None else after - before


def embedding_warnings(embedded: int, blank: int, blank_paths: list[str], spilled: int | None) -> list[str]:
    """Return sentences about blank images among those embedded now, and about what Ray wrote to disk meanwhile."""
    some = f"{', '.join(blank_paths)}{', ...' if blank > len(blank_paths) else '.'}"
    warnings = [f"{blank:,} of the {embedded:,} images embedded now are nearly blank: {some}"] if blank else []
    if spilled:
        warnings.append(
            f"Ray's object store was full, and {size(spilled)} went through the disk: give it more memory, or use "
            "fewer --workers."
        )
    return warnings


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
        can_be_set = "" if config["identity"].get("model") else SET_RANGE
        console.say(f"Some images have more than 8 bits: {describe_range(*found)}{can_be_set}.")
        run_dir.write_config(config | {"canvas": asdict(replace(net.canvas, value_range=found))})
    return found


def read_back(run_dir: RunDir, manifest: Manifest) -> Written:
    """Read what was written, and check that every row is there exactly once."""
    shards = range(len(manifest.edges()))
    parts = [path for path in (part_path(run_dir.path, shard) for shard in shards) if path.exists()]
    ids, rejected = [np.empty(0, np.int64)], []
    for part in parts:
        footer = read_footer(part)
        if footer is None:
            raise RuntimeError(f"{part} is not complete")
        ids.append(read_ids(part))
        rejected += footer.rejected
    written = Written(np.concatenate(ids), sorted(rejected), len(parts))
    check_all_there(manifest.ids(0, manifest.next_id), written.ids, rejected)
    return written


def check_all_there(wanted: np.ndarray, ids: np.ndarray, rejected: list[RejectedRow]) -> None:
    """Raise RuntimeError unless embedded and rejected rows together have the ids wanted, each exactly once."""
    found = np.sort(np.concatenate([ids, np.array([row.id for row in rejected], np.int64)]))
    if not np.array_equal(found, wanted):
        missing, twice = np.setdiff1d(wanted, found), len(found) - len(np.unique(found))
        raise RuntimeError(
            f"{len(wanted):,} rows became {len(found):,}: {len(missing):,} are missing and {twice:,} are there twice"
        )


def none_embedded(manifest: Manifest, rejected: list[RejectedRow]) -> UserError:
    """Return the error of a source in which every input is rejected."""
    first = "; ".join(f"{row.path}: {row.reason}" for row in rejected[:3])
    return UserError(f"None of the {manifest.n:,} inputs is a readable image ({first}): choose a source with images.")


def _follow(stream: Iterator[Done], meter: Throughput, cluster: RaySession, console: Console) -> None:
    """Count and show shards as they are done. Ray Data runs in another thread, so that this one hears Ctrl-C."""
    done: queue.SimpleQueue[Done | BaseException | None] = queue.SimpleQueue()
    thread = threading.Thread(target=_drain, args=(stream, done), daemon=True)
    thread.start()
    try:
        _count(done, meter, cluster, console)
    except BaseException:
        _interrupt(thread)
        raise


def _count(
    done: queue.SimpleQueue[Done | BaseException | None], meter: Throughput, cluster: RaySession, console: Console
) -> None:
    began = time.monotonic()
    while True:
        if meter.rows + meter.rejected:
            console.progress("embedding", meter.describe())
        else:
            busy = f": {cluster.reason_to_wait}" if time.monotonic() - began > BUSY_AFTER_S else ""
            console.progress("embedding", f"waiting for the first shard{busy}")
        try:
            item = done.get(timeout=LISTEN_S)
        except queue.Empty:
            continue
        if item is None:
            return
        if isinstance(item, BaseException):
            raise explain(item, "Embedding", cluster.logs, (UserError, OSError)) from item
        meter.add(item)


def _interrupt(thread: threading.Thread) -> None:
    """End a thread that uses Ray: if one does so after the disconnection, Ray ends the whole process without a word."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt))
    thread.join(LEAVE_S)


def _drain(stream: Iterator[Done], done: queue.SimpleQueue[Any]) -> None:
    try:
        for item in stream:
            done.put(item)
        done.put(None)
    except BaseException as error:
        done.put(error)
