"""A training step of each method on images of noise, for checks and timings: the work does not depend on the images."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.concurl.settings import PRESETS as CONCURL
from raycluster.methods.concurl.train import on_images
from raycluster.methods.concurl.train_classifier import ClassifierTraining
from raycluster.methods.dccm.settings import PRESETS as DCCM
from raycluster.methods.dccm.train import _Dccm
from raycluster.methods.jule.clustering import pixel_rows
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.settings import PRESETS as JULE
from raycluster.methods.jule.train import _Jule
from raycluster.nn.captured_step import CapturedStep
from raycluster.nn.learning_rate import set_learning_rate
from raycluster.training.local_context import LocalContext

if TYPE_CHECKING:
    from gpu import Options


class FullPrecision(LocalContext):
    """A context without mixed precision."""

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext()


@dataclass
class Steps:
    """A method that is ready to take steps.

    Attributes
    ----------
    method : Any
        Its training, with ``net``, ``step`` and ``optimizer``.
    inputs : sequence of tuples of Tensor
        What its step takes, for some batches.
    sums : callable
        Returns the sums of losses and of the norm of the gradient over all steps so far.
    batch_size : int
    """

    method: Any
    inputs: Sequence[tuple[torch.Tensor, ...]]
    sums: Callable[[], torch.Tensor]
    batch_size: int

    def take(self, n: int) -> None:
        """Take n steps, and do not wait for the device."""
        for inputs in itertools.islice(itertools.cycle(self.inputs), n):
            self.method.step(*inputs)

    def without_capture(self) -> Steps:
        """Return itself, with steps that run as they are."""
        self.method.step.captures = False
        return self

    def step(self) -> CapturedStep:
        """Return the step."""
        step: CapturedStep = self.method.step
        return step


def noise(n: int, channels: int, side: int) -> np.ndarray:
    """Return images of noise, uint8 [n, channels, side, side]."""
    return np.random.default_rng(0).integers(0, 256, (n, channels, side, side), dtype=np.uint8)


def context_on(images: np.ndarray, options: Options, half: bool = True) -> LocalContext:
    """Return the context of a training on images, in mixed precision where the device has it, or not."""
    device = torch.device(options.device)
    return (LocalContext if half else FullPrecision)(ResidentFeed(images, device), device)


def jule_steps(options: Options, side: int = 28, n: int = 2000, half: bool = True) -> Steps:
    """Return JULE with its defaults, and fine clusters of five images each."""
    n = 200 if options.tiny else n
    context = context_on(noise(n, 1, side), options, half)
    torch.manual_seed(0)
    method = _Jule(JULE["default"], 10, context, context.feed, JuleCNN((1, side, side)), "pixels", pixel_rows)
    method.labels = (np.arange(n) // 5).astype(np.int32)
    labels = torch.from_numpy(method.labels.astype(np.int64)).to(context.device)
    set_learning_rate(method.optimizer, 0.01)
    method.generator.manual_seed(1)
    method.model.train()
    batches = itertools.islice(method.feed.train_batches(100, 0, method.labels), 20)
    inputs = [(batch.images, labels[batch.ids]) for batch in batches]
    return Steps(method, inputs, lambda: method.totals[:2], 100)


def concurl_steps(options: Options, n: int = 50_000) -> Steps:
    """Return ConCURL with its defaults."""
    batch_size = 8 if options.tiny else 128
    settings = replace(CONCURL["default"], batch_size=batch_size, trunk="resnet18" if options.tiny else None)
    method = on_images(settings, 10, context_on(noise(40 if options.tiny else n, 3, 32), options))
    method.generator.manual_seed(1)
    method.model.train()
    batches = itertools.islice(method.feed.train_batches(batch_size, 0), 20)
    return Steps(method, [(batch.images, batch.ids) for batch in batches], lambda: method.sums[:5], batch_size)


def fast_steps(options: Options, n: int = 10_000) -> Steps:
    """Return the preset fast."""
    batch_size = 8 if options.tiny else 256
    settings = replace(CONCURL["fast"], batch_size=batch_size, trunk="resnet18" if options.tiny else None)
    method = ClassifierTraining(settings, 10, context_on(noise(40 if options.tiny else n, 3, 32), options))
    method.generator.manual_seed(1)
    method.model.train()
    batches = itertools.islice(method.feed.train_batches(batch_size, 0), 20)
    return Steps(method, [(batch.images,) for batch in batches], lambda: method.sums[:4], batch_size)


def dccm_steps(options: Options, **settings: Any) -> Steps:
    """Return DCCM with its defaults, apart from some settings."""
    images = noise(64 if options.tiny else 1000, 3, 32)
    method = _Dccm(replace(DCCM["default"], **settings), 10, context_on(images, options))
    method.generator.manual_seed(1)
    large = next(iter(method.feed.train_batches(len(images), 0)))
    inputs = list(small_inputs(method, large))
    return Steps(method, inputs, lambda: method.losses[:5], len(inputs[0][0]))


def small_inputs(method: _Dccm, large: Any) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield what the step takes, for all small batches of a large one."""
    for small in method.small_batches(large, method.predict_clean(large.images)):
        for view, partners in zip(small.views, small.partners, strict=True):
            yield (view.clone(), small.clean.clone(), *partners, *small.targets)


STEPS: dict[str, Callable[[Options], Steps]] = {
    "jule": jule_steps,
    "concurl": concurl_steps,
    "dccm": dccm_steps,
    "fast": fast_steps,
}
