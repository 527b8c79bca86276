"""How far training comes: accuracy against minutes, with checkpoints that a later call continues."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gpu import OutOfTime, record, rows_of
from gpu_data import LabeledImages, cifar, mnist, usps
from gpu_steps import CONCURL, DCCM, JULE

from raycluster.data.feed import ResidentFeed
from raycluster.methods.base import Outcome
from raycluster.methods.concurl.train import train_concurl
from raycluster.methods.concurl.train_classifier import train_classifier
from raycluster.methods.dccm.train import train_dccm
from raycluster.methods.jule.train import train_jule
from raycluster.metrics.quality import clustering_quality
from raycluster.training.local_context import LocalContext

if TYPE_CHECKING:
    from gpu import Options

BETWEEN_SAVES = 20.0  # seconds, at least
SHOWN = (
    "epoch",
    "period",
    "clusters",
    "clustering",
    "loss",
    "images_per_second",
    "updates_per_second",
    "largest_share",
)


class Timed(LocalContext):
    """A context that records accuracy with the seconds of training, and ends the run at its last save in time."""

    def begin(self, options: Options, section: str) -> None:
        """Start the clock, at what earlier calls have taken."""
        self.options, self.section, self.saved_at = options, section, time.time()
        earlier = [row["trained"] for row in rows_of(options.out) if row["section"] == section and "saved" in row]
        self.before, self.began = max(earlier, default=0.0), time.perf_counter()

    @property
    def trained(self) -> float:
        """Seconds of training in all calls."""
        return self.before + time.perf_counter() - self.began

    def report(self, row: dict[str, Any], clusters: np.ndarray | None = None) -> None:
        found = {name: row[name] for name in SHOWN if name in row} | row.get("quality", {})
        if "qualities" in row:
            found["acc_of_each"] = {name: round(each["acc"], 4) for name, each in row["qualities"].items()}
        warnings = {"warnings": row["warnings"]} if row.get("warnings") else {}
        record(
            self.options,
            {"section": self.section, "state": "found", "what": row["kind"], "trained": self.trained}
            | found
            | warnings,
        )

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        late = time.time() > self.options.until - 3
        if late or time.time() > self.saved_at + BETWEEN_SAVES:
            super().save(tensors, state)
            self.saved_at = time.time()
            record(
                self.options,
                {"section": self.section, "state": "saved", "saved": True, "trained": self.trained},
            )
        if late:
            raise OutOfTime


def trained(
    options: Options,
    name: str,
    data: Callable[[Options], LabeledImages | None],
    train: Callable[[Any, Any, Any], Outcome],
    settings: Any,
) -> Iterator[dict[str, Any]]:
    """Train to the end, or until the time is up."""
    found = data(options)
    if found is None:
        return
    images, labels = found
    device = torch.device(options.device)
    context = Timed(ResidentFeed(images, device), device, labels=labels, folder=options.runs / name)
    context.begin(options, f"train {name}")
    outcome = train(settings, 10, context)
    quality = clustering_quality(labels, outcome.clusterings[outcome.reported])
    yield {"what": f"end: {outcome.reported}", "trained": context.trained} | quality


def train_usps(options: Options) -> Iterator[dict[str, Any]]:
    """JULE on USPS with its defaults."""
    yield from trained(options, "usps", usps, train_jule, jule_settings(options))


def train_mnist(options: Options) -> Iterator[dict[str, Any]]:
    """JULE on all of MNIST with its defaults."""
    yield from trained(options, "mnist", mnist, train_jule, jule_settings(options))


def jule_settings(options: Options) -> Any:
    """Return the defaults."""
    return replace(JULE["default"], epochs_per_period=1, rounds=0) if options.tiny else JULE["default"]


def train_fast(options: Options) -> Iterator[dict[str, Any]]:
    """ConCURL's preset fast on CIFAR-10, with a shortened schedule."""
    settings = replace(CONCURL["fast"], epochs=options.fast_epochs, evaluate_every=max(1, options.fast_epochs // 20))
    yield from trained(options, "fast", cifar, train_classifier, small(options, settings))


def train_concurl_default(options: Options) -> Iterator[dict[str, Any]]:
    """ConCURL's default on CIFAR-10, with a shortened schedule."""
    every = max(1, options.concurl_epochs // 10)
    settings = replace(CONCURL["default"], epochs=options.concurl_epochs, evaluate_every=every)
    yield from trained(options, "concurl", cifar, train_concurl, small(options, settings))


def train_dccm_default(options: Options) -> Iterator[dict[str, Any]]:
    """DCCM's default on CIFAR-10, with a shortened schedule."""
    settings = replace(DCCM["default"], epochs=options.dccm_epochs)
    if options.tiny:
        settings = replace(settings, epochs=1, large_batch=64, repeats=1)
    yield from trained(options, "dccm", cifar, train_dccm, settings)


def small(options: Options, settings: Any) -> Any:
    """Return settings for two steps, with --tiny."""
    return replace(settings, epochs=1, batch_size=128, trunk="resnet18") if options.tiny else settings
