"""Images per second of jobs/embed.py against a plain loop of decode and forward, in one run.

    python benchmarks/embed_export.py runs/mnist-jule-seed0 mnist/t10k-images-idx3-ubyte.gz
    python benchmarks/embed_export.py resnet18 photos/ --weights resnet18.safetensors

The plain loop is one process with the same network, batches, threads and decoder, and writes one Parquet file. The
export is measured once every worker has had its first shard; starting Ray and its workers is told apart. Rounds of the
loop, of one worker and of two take turns, so that all meet the same machine.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import tyro

from raycluster.data.blocks import read_block
from raycluster.data.files.sources import list_images
from raycluster.data.row_index import index_rows
from raycluster.embedding.embed import EmbedOptions, EmbedSummary, embed_source, load_network
from raycluster.embedding.part_files import write_part
from raycluster.embedding.stream import embed_pixels
from raycluster.runtime.console import Console


@dataclass
class Options:
    """What to measure."""

    model: tyro.conf.Positional[str]
    """The folder of a run, or with --weights the name of a network."""
    source: tyro.conf.Positional[str]
    """Any source of images."""
    weights: str | None = None
    image_size: int | None = None
    rounds: int = 3
    """Of each; the medians count."""
    workers: tuple[int, ...] = (1, 2)
    """Numbers of workers to try, with a core each."""


def main(options: Options) -> None:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    plain: list[float] = []
    exports: dict[int, list[EmbedSummary]] = {workers: [] for workers in options.workers}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.rounds):
            plain.append(plain_loop(options, Path(folder) / f"plain-{turn}.parquet"))
            for workers, done in exports.items():
                done.append(embed_source(asked(options, f"{folder}/{workers}-{turn}", workers), Console(quiet=True)))
    rate = statistics.median(plain)
    n = exports[options.workers[0]][0].images
    print(f"{n:,} images, {options.model}; a thread a worker, {os.cpu_count()} core(s), {options.rounds} round(s)")
    print(f"plain loop, 1 process  {rate:10,.0f} images/s")
    for workers, done in exports.items():
        own = statistics.median(summary.images_per_second or float("nan") for summary in done)
        start = statistics.median(summary.seconds - n / (summary.images_per_second or np.inf) for summary in done)
        told = f"{own:10,.0f} images/s   ratio {own / rate:.3f}   and {start:.1f} s to start, plan, check and stop"
        print(f"export, {workers} worker(s)    {told}")
    if {1, 2} <= set(exports):
        one, two = (statistics.median(s.images_per_second or float("nan") for s in exports[w]) for w in (1, 2))
        print(f"two workers against one: {two / one:.2f}")


def asked(options: Options, out: str, workers: int | None) -> EmbedOptions:
    return EmbedOptions(
        model=None if options.weights else options.model,
        backbone=options.model if options.weights else None,
        data=options.source,
        out=out,
        weights=options.weights,
        image_size=options.image_size,
        workers=workers,
    )


def plain_loop(options: Options, path: Path) -> float:
    """Return the images a second of the loop that anybody would write."""
    net, _ = load_network(asked(options, "", None), Console(quiet=True))
    size = net.embedding_size
    started = time.perf_counter()
    index = index_rows(list_images(options.source))
    rows = index.rows
    embeddings = np.empty((len(rows), size), np.float32)
    good = np.ones(len(rows), bool)
    for start, stop in rows.ranges(0, len(rows), int(np.prod(net.shape))).tolist():
        block = read_block(rows, start, stop, net.canvas)
        embeddings[start:stop] = embed_pixels(net, block.images, size)
        good[[start + i for i in block.reasons]] = False
    ids, paths = np.flatnonzero(good), index.paths.filter(pa.array(good))
    write_part(path, ids, paths, np.full(len(ids), -1), embeddings[good], [])
    return float(good.sum()) / (time.perf_counter() - started)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
