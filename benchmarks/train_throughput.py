"""Images per second of a JULE training epoch against a bare PyTorch loop, in one run.

    python benchmarks/train_throughput.py mnist/t10k-images-idx3-ubyte.gz --clusters 10

The bare loop has the same network, loss, optimizer, batch size, precision and threads, and its images in memory as
floats; it neither augments nor groups its batches, nor counts anything. Epochs of the two take turns, so that both
meet the same machine. The streaming feed, which decodes every epoch anew through Ray Data, is measured after them.
"""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import ray
import torch
import tyro

from raycluster.data.feed import Feed, ResidentFeed
from raycluster.data.images import ImageSet, open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.streaming import StreamingFeed
from raycluster.methods.jule.clustering import cluster_pixels
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.settings import PRESETS
from raycluster.methods.jule.train import _Jule, first_rows, pixel_rows
from raycluster.methods.jule.triplet_loss import triplet_loss
from raycluster.training.local_context import LocalContext


@dataclass
class Options:
    """What to measure."""

    source: tyro.conf.Positional[str] = "digits"
    """Any source that jobs/train.py takes."""
    clusters: int = 10
    """K; the loops train on the first clusters of the pixels."""
    threads: int = os.cpu_count() or 1
    """Threads of PyTorch, for both loops."""
    epochs: int = 5
    """Epochs of each loop, after one to warm up; the medians count."""


def main(options: Options) -> None:
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    images = load_images(open_images(options.source))
    pixels = images.pixels
    torch.set_num_threads(options.threads)

    resident = method_on(ResidentFeed(pixels), options)
    labels = torch.from_numpy(resident.labels.astype(np.int64))
    ours = lambda: resident.train_epoch(labels, 0)  # noqa: E731
    bare = bare_epoch(method_on(ResidentFeed(pixels), options), pixels, labels)
    ours_seconds, bare_seconds = take_turns([ours, bare], options.epochs)
    trained = resident.feed.steps(resident.settings.batch_size) * resident.settings.batch_size
    print(f"{images.n:,} images of {images.shape}, batch {resident.settings.batch_size}, {options.threads} thread(s)")
    print(f"bare loop       {trained / bare_seconds:10,.0f} images/s")
    print(f"resident feed   {trained / ours_seconds:10,.0f} images/s   ratio {bare_seconds / ours_seconds:.3f}")

    streaming = method_on(StreamingFeed(images, torch.device("cpu"), 0, 1, 0), options, labels=resident.labels)
    (streaming_seconds,) = take_turns([lambda: streaming.train_epoch(labels, 0)], options.epochs)
    ratio = bare_seconds / streaming_seconds
    print(f"streaming feed  {trained / streaming_seconds:10,.0f} images/s   ratio {ratio:.3f}")
    print(f"streaming feed, first batch after {first_batch_delay(images):.2f} s")


def method_on(feed: Feed, options: Options, labels: np.ndarray | None = None) -> _Jule:
    method = _Jule(
        PRESETS["default"], options.clusters, LocalContext(feed), feed, JuleCNN(feed.shape), "pixels", pixel_rows
    )
    if labels is None:
        _, pixels = first_rows(feed, pixel_rows)
        labels = cluster_pixels(pixels, options.clusters, method.settings).labels
    method.labels = labels
    return method


def bare_epoch(method: _Jule, pixels: np.ndarray, labels: torch.Tensor) -> Callable[[], None]:
    """Return the loop that anybody would write."""
    s, net, optimizer = method.settings, method.net, method.optimizer
    floats = torch.from_numpy(pixels).float() / 255

    def epoch() -> None:
        net.train()
        for ids in torch.randperm(len(floats)).split(s.batch_size)[: method.feed.steps(s.batch_size)]:
            with method.context.autocast():
                embeddings = net(floats[ids])
            loss, _ = triplet_loss(embeddings, labels[ids], s.margin, s.gamma)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def take_turns(loops: list[Callable[[], object]], epochs: int) -> list[float]:
    """Return the median seconds of each loop; the first turn does not count."""
    seconds: list[list[float]] = [[] for _ in loops]
    for _ in range(epochs + 1):
        for loop, own in zip(loops, seconds, strict=True):
            started = time.perf_counter()
            loop()
            own.append(time.perf_counter() - started)
    return [statistics.median(own[1:]) for own in seconds]


def first_batch_delay(images: ImageSet) -> float:
    started = time.perf_counter()
    next(iter(StreamingFeed(images, torch.device("cpu"), 0, 1, 0).train_batches(100, epoch=0)))
    return time.perf_counter() - started


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
