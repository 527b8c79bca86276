"""Updates per second of DCCM against a plain PyTorch loop, in one run.

    python benchmarks/dccm_updates.py --threads 2
    python benchmarks/dccm_updates.py --device cuda

The plain loop has the same network, losses, precision, optimizer and small batches. It makes targets and augmented
images batch by batch, puts map and vector together for each of the four pairs before the discriminator, as the
released code does, and reads the loss after every update. The loops take turns, so that all meet the same machine.
Images are noise: the work does not depend on what they show.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
import tyro

from raycluster.data.feed import Batch, ResidentFeed
from raycluster.methods.dccm.augmentation import augment
from raycluster.methods.dccm.losses import draw_partners, graph_loss, label_loss, make_targets, mutual_information_loss
from raycluster.methods.dccm.network import DccmOutput, Discriminator
from raycluster.methods.dccm.settings import PRESETS, DccmSettings
from raycluster.methods.dccm.train import _Dccm
from raycluster.training.local_context import LocalContext


@dataclass
class Options:
    """What to measure."""

    side: int = 32
    """Side of the images: 32, 64 or 96."""
    clusters: int = 10
    """K."""
    threads: int = os.cpu_count() or 1
    """Threads of PyTorch, for all loops."""
    device: str = "cpu"
    """Where to compute."""
    updates: int = 10
    """Updates of each loop in a turn."""
    turns: int = 5
    """Turns of each loop, after one to warm up; the medians count."""


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    settings = PRESETS["default"]
    loops = {
        "plain loop, b 32": plain_loop(begin(settings, options), options.updates),
        "ours, b 32": our_loop(begin(settings, options), options.updates),
        "ours, b 32, 16 places": our_loop(begin(replace(settings, mi_places=16), options), options.updates),
        "ours, b 32, no mutual information": our_loop(begin(replace(settings, beta=0.0), options), options.updates),
        "ours, b 128": our_loop(begin(replace(settings, small_batch=128), options), options.updates // 4),
        "ours, b 128, 16 places": our_loop(
            begin(replace(settings, small_batch=128, mi_places=16), options), options.updates // 4
        ),
    }
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{options.threads} thread(s)"
    print(f"torch {torch.__version__}, {platform.machine()}, {where}, {options.side} pixels, K {options.clusters}")
    seconds = take_turns(list(loops.values()), options.turns, options.device)
    plain = seconds[0]
    for name, each in zip(loops, seconds, strict=True):
        size = 128 if "128" in name else 32
        ratio = plain / each * size / 32
        print(f"{name:<36}{1 / each:8.2f} updates/s {size / each:10,.0f} images/s   ratio {ratio:.2f}")


def begin(settings: DccmSettings, options: Options) -> tuple[_Dccm, Batch, torch.Tensor]:
    """Return a method, its first large batch, and the probabilities of that."""
    shape = (settings.large_batch, 3, options.side, options.side)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    device = torch.device(options.device)
    method = _Dccm(settings, options.clusters, LocalContext(ResidentFeed(images, device), device))
    large = next(iter(method.feed.train_batches(settings.large_batch, 0)))
    return method, large, method.predict_clean(large.images)


def our_loop(begun: tuple[_Dccm, Batch, torch.Tensor], updates: int) -> Callable[[], int]:
    method, large, probabilities = begun

    def loop() -> int:
        steps = (
            (view, partners, small)
            for small in method.small_batches(large, probabilities)
            for view, partners in zip(small.views, small.partners, strict=True)
        )
        for view, partners, small in islice(steps, updates):
            method.update(view, partners, small)
        return updates

    return loop


def plain_loop(begun: tuple[_Dccm, Batch, torch.Tensor], updates: int) -> Callable[[], int]:
    """Return the loop that anybody would write."""
    method, large, probabilities = begun
    s, net, discriminator = method.settings, method.net, method.net.discriminator
    assert discriminator is not None
    optimizer = torch.optim.RMSprop(net.parameters(), lr=s.learning_rate, alpha=0.9)

    def loop() -> int:
        order = torch.randperm(len(large.images), device=large.images.device)
        for block in order.split(s.small_batch)[: updates // s.augmentations]:
            targets = make_targets(probabilities[block], s.graph_threshold, s.label_threshold)
            partners, counted = draw_partners(targets.links, method.generator)
            for _ in range(s.augmentations):
                with method.context.autocast():
                    passed = net.encoder(augment(large.images[block], method.generator))
                    scores = torch.stack([score(discriminator, passed, column) for column in partners.T], dim=1)
                loss = graph_loss(passed.probabilities, targets.links)
                loss = loss + s.alpha * label_loss(passed.probabilities, targets.labels, targets.confident)
                loss = loss + s.beta * mutual_information_loss(scores, counted)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss.item()
        return updates

    return loop


def score(discriminator: Discriminator, passed: DccmOutput, column: torch.Tensor) -> torch.Tensor:
    """Return the scores [b, places] of one pair an image, map and vector put together first."""
    maps = passed.shallow[column]
    vectors = passed.deep[:, :, None, None].expand(-1, -1, *maps.shape[2:]).to(maps.dtype)
    values = torch.cat([maps, vectors], dim=1)
    for i, weight in enumerate(discriminator.parameters()):
        values = torch.nn.functional.conv2d(values.relu() if i else values, weight[:, :, None, None])
    return values.flatten(1).float()


def take_turns(loops: list[Callable[[], int]], turns: int, device: str) -> list[float]:
    """Return the median seconds of a step of each loop, which says how many it did; the first turn does not count."""
    seconds: list[list[float]] = [[] for _ in loops]
    for _ in range(turns + 1):
        for loop, own in zip(loops, seconds, strict=True):
            started = time.perf_counter()
            done = loop()
            if device == "cuda":
                torch.cuda.synchronize()
            own.append((time.perf_counter() - started) / done)
    return [statistics.median(own[1:]) for own in seconds]


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
