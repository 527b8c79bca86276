"""Images per second of ConCURL's whole step against its trunk alone, in one run; and where the time goes.

    python benchmarks/concurl_step.py --threads 2
    python benchmarks/concurl_step.py --device cuda --n 50000

The bare loop passes views that were made before forward and backward through the trunk, both views, in the same
precision, and nothing else: no augmentation, heads, bank, losses or optimizer. The loops take turns, so that all meet
the same machine. Images are noise: the work does not depend on what they show. An image is counted once, though both of
its views are passed.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import tyro
from dccm_updates import take_turns

from raycluster.data.feed import Batch, ResidentFeed
from raycluster.methods.concurl.network import ConcurlOutput
from raycluster.methods.concurl.settings import PRESETS
from raycluster.methods.concurl.train import _Concurl, on_images
from raycluster.nn.resnet import Trunk
from raycluster.nn.sinkhorn import sinkhorn
from raycluster.training.local_context import LocalContext


@dataclass
class Options:
    """What to measure."""

    side: int = 32
    """Side of the images: 32, 64, 96 or 160."""
    n: int = 50_000
    """Images, which are the rows of the bank."""
    clusters: int = 10
    """K."""
    batch_size: int = 128
    """B."""
    trunk: Trunk | None = None
    """By default that of the side."""
    threads: int = os.cpu_count() or 1
    """Threads of PyTorch, for all loops."""
    device: str = "cpu"
    """Where to compute."""
    steps: int = 1
    """Steps of each loop in a turn; more on a GPU."""
    turns: int = 5
    """Turns of each loop, after one to warm up; the medians count."""


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    method, batch = begin(options)
    views = method.draw_views(batch, method.generator)
    passed = method.model(*views)
    whole, bare = (
        lambda: method.update(batch, *method.draw_views(batch, method.generator)),
        lambda: trunk_alone(method, views),
    )
    parts: dict[str, Callable[[], object]] = {
        "the whole step": whole,
        "trunk alone, forward and backward": bare,
        "of the step: drawing both views": lambda: method.draw_views(batch, method.generator),
        "of the step: NCE, forward and backward": lambda: exemplar(method, batch, passed[0]),
        "of the step: Sinkhorn and consensus, both ways": lambda: consensus(method, passed),
        "of the step: optimizer": method.optimizer.step,
    }
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{options.threads} thread(s)"
    print(
        f"torch {torch.__version__}, {platform.machine()}, {where}, {method.net.trunk_name} at {options.side} pixels, "
        f"B {options.batch_size}, n {options.n:,}, K {options.clusters}"
    )
    whole()  # so that there are gradients and momenta
    seconds = take_turns([repeated(part, options.steps) for part in parts.values()], options.turns, options.device)
    for name, each in zip(parts, seconds, strict=True):
        share = each / seconds[0]
        print(f"{name:<48}{1000 * each:10,.1f} ms {options.batch_size / each:10,.1f} images/s {share:7.1%}")
    print(f"ratio of images/s, whole step to trunk alone: {seconds[1] / seconds[0]:.3f}")


def begin(options: Options) -> tuple[_Concurl, Batch]:
    """Return the method with the released settings, in training mode, and its first batch."""
    images = np.random.default_rng(0).integers(0, 256, (options.n, 3, options.side, options.side), dtype=np.uint8)
    device = torch.device(options.device)
    settings = replace(PRESETS["default"], batch_size=options.batch_size, trunk=options.trunk)
    method = on_images(settings, options.clusters, LocalContext(ResidentFeed(images, device), device))
    method.model.train()
    return method, next(iter(method.feed.train_batches(options.batch_size, 0)))


def trunk_alone(method: _Concurl, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    with method.context.autocast():
        first, second = (
            method.net.trunk(view.contiguous(memory_format=torch.channels_last)).float().mean() for view in views
        )
    for parameter in method.net.parameters():
        parameter.grad = None
    (first + second).backward()


def exemplar(method: _Concurl, batch: Batch, passed: ConcurlOutput) -> None:
    embeddings = passed.nce.detach().requires_grad_()
    method.exemplar_loss(embeddings, batch.ids).backward()
    method.bank.update(batch.ids, embeddings)


def consensus(method: _Concurl, passed: tuple[ConcurlOutput, ConcurlOutput]) -> None:
    heads = [view.head.detach().requires_grad_() for view in passed]
    method.consensus_loss(*heads, *(sinkhorn(view.cosines) for view in passed)).backward()


def repeated(loop: Callable[[], object], times: int) -> Callable[[], int]:
    def run() -> int:
        for _ in range(times):
            loop()
        return times

    return run


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
