"""Shards through Ray Data: actors embed and write them; the images are decoded by the actors, by tasks or on GPUs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import pyarrow as pa
import ray
import ray.data
import torch
from ray.data import ActorPoolStrategy

from raycluster.data.blocks import read_block
from raycluster.data.canvas import Canvas
from raycluster.data.image.contrast import FAINT_LEVELS, MOST_NAMED, contrast
from raycluster.data.image.decode_on_device import decodes_jpegs, load_jpegs
from raycluster.data.image.device_jpeg import DeviceJpeg
from raycluster.data.pipeline import MAX_TASKS, TASK_CPUS, quiet_context, stream_limits
from raycluster.embedding.part_files import RejectedRow, part_path, read_footer, write_part
from raycluster.embedding.state import PendingRows
from raycluster.nn.batches import in_batches
from raycluster.nn.network import Network
from raycluster.remote.shared_folder import SharedFolder
from raycluster.runtime.machine import available_cores
from raycluster.runtime.resources import Plan

DecodePlace = Literal["actors", "tasks", "device"]

# For a GPU. A core decodes 1,000 JPEG files of 500 pixels a second (benchmarks/decode.py), and an A100 8,000, as those
# say who brought this to torchvision (pytorch/vision#8496); and while it decodes, it does not embed.
ENOUGH_CORES = 8
# While one shard is embedded, the next one is on its way.
SHARDS_PER_ACTOR = 2
NO_PROGRESS_S = 1800.0  # a shard of large images can take minutes in a large network on a CPU
STAGES = ("read", "decode", "forward", "write")
JPEGS = pa.list_(
    pa.struct(
        [("place", pa.int64()), ("data", pa.large_binary()), ("n_pixels", pa.int64()), ("orientation", pa.int64())]
    )
)
NO_WORK = dict.fromkeys(STAGES, 0.0)


class Done(NamedTuple):
    """A finished shard.

    Attributes
    ----------
    shard : int
    rows, rejected : int
        How many rows were embedded, and how many rejected.
    blank : int
        In how many of the embedded images nothing, or hardly anything, can be seen.
    blank_paths : list of str
        The paths of the first of them.
    seconds : dict of str to float
        Seconds by stage.
    """

    shard: int
    rows: int
    rejected: int
    blank: int
    blank_paths: list[str]
    seconds: dict[str, float]


def embed_shards(
    order: PendingRows, shards: np.ndarray, net: Network, out: SharedFolder, plan: Plan, decode: DecodePlace
) -> Iterator[Done]:
    """Embed shards and write their part files; yield each shard when it is done.

    The object store holds prepared images as uint8, one shard per object, and JPEG files in place of those that are no
    smaller.

    Parameters
    ----------
    order : PendingRows
    shards : ndarray of int64, shape (m, 3)
        The number of each shard, its first position in ``order``, and the one past its last.
    net : network
    out : SharedFolder
    plan : Plan
    decode : {"actors", "tasks", "device"}
        Where images are decoded, as :func:`decode_place` chooses it.
    """
    held, network = ray.put(order), ray.put(net.cpu())
    blocks = np.array_split(shards, min(len(shards), MAX_TASKS))
    units: list[pa.Table | bytes] = [
        pa.table(dict(zip(("shard", "start", "stop"), block.T, strict=True))) for block in blocks
    ]
    dataset: ray.data.Dataset = ray.data.from_arrow(units)
    one_by_one: dict[str, Any] = {"batch_size": 1, "batch_format": "pyarrow"}
    if decode != "actors":
        canvas, keep_jpegs = net.canvas, decode == "device"
        dataset = dataset.map_batches(
            lambda unit: prepare_shard(unit, ray.get(held), canvas, keep_jpegs), num_cpus=TASK_CPUS, **one_by_one
        )

    class Actor(Embedder):
        def __init__(self) -> None:
            super().__init__(ray.get(network), ray.get(held), out, threads_of(plan))

    actors = ActorPoolStrategy(size=min(plan.workers, len(shards)), max_tasks_in_flight_per_actor=SHARDS_PER_ACTOR)
    dataset = dataset.map_batches(
        Actor,
        compute=actors,
        num_cpus=plan.cpus_per_worker,
        num_gpus=plan.gpus_per_worker or None,
        **one_by_one,
    )
    context = quiet_context(dataset, NO_PROGRESS_S)
    context.raise_original_map_exception = True
    context.target_max_block_size = 1  # one shard per block, whatever its size
    context.execution_options.preserve_order = False
    context.execution_options.resource_limits = stream_limits()
    for done in cast("Iterable[pa.Table]", dataset.iter_batches(batch_size=1, batch_format="pyarrow")):
        yield Done(**done.to_pylist()[0])


def decode_place(device: torch.device, cores: float) -> DecodePlace:
    """Choose where images are decoded.

    With actors on CPUs, by the actors themselves: passing the images on costs more than it saves. With actors on GPUs,
    by tasks on the cores that the actors leave free, which keeps the GPUs busy. Where cores are few and the GPUs can
    decode JPEG files, they get those that are no larger than a prepared image. Larger ones would fill the object store,
    and tasks decode them quickly, at a fraction of their size.

    Parameters
    ----------
    device : torch.device
        Of the actors.
    cores : float
        How many there are for each actor.
    """
    if device.type == "cpu":
        return "actors"
    return "device" if cores < ENOUGH_CORES and decodes_jpegs(device) else "tasks"


def threads_of(plan: Plan) -> int:
    """Return how many threads an actor uses on a CPU."""
    return max(1, min(int(plan.cpus_per_worker), available_cores()))


def prepare_shard(unit: pa.Table, order: PendingRows, canvas: Canvas, keep_jpegs: bool = False) -> pa.Table:
    """Read the images of a shard and bring them to the canvas that the network takes: one row of uint8 bytes.

    With ``keep_jpegs``, JPEG files for a device are left as they are, if they are no larger than a prepared image.
    """
    ((shard, start, stop),) = zip(*(unit[name].to_pylist() for name in ("shard", "start", "stop")), strict=True)
    images = np.zeros((stop - start, *canvas.shape), np.uint8)
    reasons = {i - start: order.reasons[i] for i in range(start, stop) if i in order.reasons}
    places = np.setdiff1d(np.arange(stop - start), list(reasons))
    rows = order.rows.select(start + places)
    read = decode = 0.0
    image_bytes = int(np.prod(canvas.shape))
    jpegs: dict[int, DeviceJpeg] = {}
    for first, last in rows.ranges(0, len(rows), image_bytes).tolist():
        block = read_block(rows, first, last, canvas, image_bytes if keep_jpegs else 0)
        images[places[first:last]] = block.images
        reasons |= {int(places[first + i]): reason for i, reason in block.reasons.items()}
        jpegs |= {int(places[first + i]): jpeg for i, jpeg in block.jpegs.items()}
        read, decode = read + block.read_seconds, decode + block.decode_seconds
    if jpegs:
        images = np.delete(images, list(jpegs), axis=0)
    offsets = pa.py_buffer(np.array([0, images.nbytes], np.int64).data)
    pixels = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(images.data)])
    columns = {"shard": shard, "start": start, "stop": stop, "reasons": json.dumps(list(reasons.items()))}
    columns |= {"read": read, "decode": decode}
    encoded = pa.array([[jpeg._asdict() | {"place": place} for place, jpeg in jpegs.items()]], JPEGS)
    return pa.table({name: [value] for name, value in columns.items()} | {"images": pixels, "jpegs": encoded})


class Embedder:
    """An actor with the network, on its GPU if it has one. It embeds one shard at a time and writes its part file.

    Parameters
    ----------
    net : network
    order : PendingRows
    out : SharedFolder
    threads : int
        How many threads it uses on a CPU.
    """

    def __init__(self, net: Network, order: PendingRows, out: SharedFolder, threads: int) -> None:
        torch.set_num_threads(threads)
        self.device = torch.device("cuda" if ray.get_gpu_ids() and torch.cuda.is_available() else "cpu")
        self.net: Network = net.to(self.device)
        self.size = self.net.embedding_size
        self.order, self.out = order, out

    def __call__(self, given: pa.Table) -> pa.Table:
        """Embed and write one shard; its images come with it, or are read here."""
        shard = given["shard"][0].as_py()
        with self.out.file(part_path(Path(), shard)) as path:
            footer = read_footer(path)
            if footer is None:
                done = self._embed(given, path)
            else:  # an actor finished it and died, so Ray asks again
                done = Done(shard, footer.rows, len(footer.rejected), 0, [], NO_WORK)
        return pa.Table.from_pylist([done._asdict()])

    def _embed(self, given: pa.Table, path: Path) -> Done:
        prepared = given if "images" in given.column_names else prepare_shard(given, self.order, self.net.canvas)
        (unit,) = prepared.drop_columns(["images", "jpegs"]).to_pylist()
        rows = np.arange(unit["start"], unit["stop"])
        reasons = dict(json.loads(unit["reasons"]))
        was_given = time.perf_counter()
        pixels = self._pixels(prepared, len(rows), reasons)
        good = np.ones(len(rows), bool)
        good[list(reasons)] = False
        began = time.perf_counter()
        embeddings = embed_pixels(self.net, pixels if good.all() else pixels[good], self.size)
        was_embedded = time.perf_counter()
        finite = np.isfinite(embeddings).all(axis=1)
        reasons |= dict.fromkeys(
            np.flatnonzero(good)[~finite].tolist(), "the network gives it an embedding that is not finite"
        )
        embeddings, good[good] = embeddings[finite], finite
        ids, paths = self.order.ids[rows], self.order.paths.slice(unit["start"], len(rows))
        rejected = [RejectedRow(int(ids[i]), paths[i].as_py(), reason) for i, reason in sorted(reasons.items())]
        labels = self.order.labels[rows][good]
        kept = paths.filter(pa.array(good))
        write_part(path, ids[good], kept, labels, embeddings, rejected)
        seconds = {"read": unit["read"], "decode": unit["decode"] + began - was_given, "forward": was_embedded - began}
        seconds["write"] = time.perf_counter() - was_embedded
        blank = np.flatnonzero(contrast(pixels[good]) <= FAINT_LEVELS) if good.any() else np.empty(0, np.int64)
        named = [kept[i].as_py() for i in blank[:MOST_NAMED].tolist()]
        return Done(unit["shard"], int(good.sum()), len(rejected), len(blank), named, seconds)

    def _pixels(self, prepared: pa.Table, n: int, reasons: dict[int, str]) -> np.ndarray:
        """Return the n images of a shard, uint8 [n, C, H, W]; decode its JPEG files, and add why one is unreadable."""
        images = np.frombuffer(prepared["images"][0].as_buffer(), np.uint8).reshape(-1, *self.net.shape)
        jpegs = {one.pop("place"): DeviceJpeg(**one) for one in prepared["jpegs"][0].as_py()}
        if not jpegs:
            return images
        places = np.array(list(jpegs))
        pixels = np.empty((n, *self.net.shape), np.uint8)
        pixels[np.setdiff1d(np.arange(n), places)] = images
        pixels[places], unreadable = load_jpegs(list(jpegs.values()), self.net.canvas, self.device)
        reasons |= {int(places[i]): reason for i, reason in unreadable.items()}
        return pixels


@torch.inference_mode()
def embed_pixels(net: Network, images: np.ndarray, size: int) -> np.ndarray:
    """Return the embeddings float32 [n, size] of images uint8 [n, C, H, W], on the net's device."""
    embeddings = np.empty((len(images), size), np.float32)
    for rows, found in in_batches(net, images, lambda inputs: net.predict(inputs).embeddings):
        embeddings[rows] = found.cpu().numpy()
    return embeddings
