"""Is what a GPU computes right: captured steps against plain ones, neighbors against the CPU, a run that continues."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import faiss
import numpy as np
import torch
from gpu_data import cifar, mnist, usps
from gpu_steps import CONCURL, DCCM, JULE, STEPS, Steps
from sklearn.metrics import adjusted_rand_score

from raycluster.data.feed import ResidentFeed
from raycluster.graph.neighbors.flat import search_flat
from raycluster.graph.neighbors.nearest import Neighbors, default_n_neighbors, find_neighbors
from raycluster.methods.base import Outcome
from raycluster.methods.concurl.train import train_concurl
from raycluster.methods.concurl.train_classifier import train_classifier
from raycluster.methods.dccm.train import train_dccm
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.methods.jule.train import train_jule
from raycluster.training.local_context import LocalContext

if TYPE_CHECKING:
    from gpu import Options


def captured_equals_eager(options: Options, name: str) -> Iterator[dict[str, Any]]:
    """Compare losses and weights after 5 and 50 steps, captured and plain; and plain with plain, as a yardstick.

    Sums of atomic additions and of half precision differ from run to run, and training amplifies that.
    """
    checkpoints = (2, 5) if options.tiny else (5, 50)
    plain = trajectory(STEPS[name](options).without_capture(), checkpoints)
    again = trajectory(STEPS[name](options).without_capture(), checkpoints)
    captured_steps = STEPS[name](options)
    captured = trajectory(captured_steps, checkpoints)
    step = captured_steps.step()
    yield {
        "what": "captured",
        "graphs": len(step._graphs),
        "remarks": step.remarks,
        "as_expected": options.device == "cpu" or (len(step._graphs) == 1 and not step.remarks),
    }
    for n, one, two, three in zip(checkpoints, plain, again, captured, strict=True):
        noise, found = difference(one, two), difference(one, three)
        limits = {key: max(10 * noise[key], 1e-3 if n < 10 else 3e-2) for key in found}
        yield {
            "what": f"captured against plain, {n} steps",
            **found,
            "plain_losses": noise["losses"],
            "plain_weights": noise["weights"],
            "as_expected": all(found[key] <= limits[key] for key in found),
        }


def trajectory(steps: Steps, checkpoints: tuple[int, ...]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the sums of losses, and all weights in one vector, after some numbers of steps."""
    found, done = [], 0
    for n in checkpoints:
        steps.take(n - done)
        done = n
        weights = torch.cat([parameter.detach().flatten() for parameter in steps.method.net.parameters()])
        found.append((steps.sums().detach().clone().cpu(), weights.cpu()))
    return found


def difference(one: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]) -> dict[str, float]:
    """Return the largest relative difference of the losses, and that of the weights as vectors."""
    losses = ((one[0] - other[0]).abs() / one[0].abs().clamp_min(1e-6)).max()
    weights = (one[1] - other[1]).norm() / one[1].norm()
    return {"losses": losses.item(), "weights": weights.item()}


def neighbors_agree(options: Options) -> Iterator[dict[str, Any]]:
    """Compare neighbors, and clusters by them, with those of the CPU; and measure the search."""
    found_images = mnist(options) or usps(options)
    if found_images is None:
        return
    rows = pixel_rows(found_images[0])
    some = np.ascontiguousarray(rows[-10_000:])
    k = default_n_neighbors(len(some))
    ours = find_neighbors(some, k)
    with mock.patch.object(faiss, "get_num_gpus", return_value=0):
        theirs = find_neighbors(some, k)
    relative = np.abs(ours.sq_distances - theirs.sq_distances) / np.maximum(theirs.sq_distances, 1e-6)
    exact = theirs.recall == 1
    yield {
        "what": f"{len(some):,} neighbors against the CPU",
        "same_ids": float((ours.ids == theirs.ids).mean()),
        "largest_relative": float(relative.max()),
        "cpu_is_exact": exact,
        "as_expected": not exact or bool(relative.max() < 1e-3),
    }
    found = [recluster(some, 10, JULE["default"], Neighbors(*each)).labels for each in (ours, theirs)]
    yield {"what": "clusters by them", "ari": float(adjusted_rand_score(*found))}
    k = default_n_neighbors(len(rows))
    yield {
        "what": f"{len(rows):,} x {rows.shape[1]}, K_s {k}",
        "seconds": fastest(lambda: find_neighbors(rows, k), 3),
        "faiss_search_alone": fastest(lambda: search_flat(rows, rows.mean(axis=0), rows, k + 1), 2),
    }
    if not options.tiny and faiss.get_num_gpus():
        large = np.random.default_rng(0).normal(size=(1_000_000, 160)).astype(np.float32)
        yield {"what": "1,000,000 x 160, K_s 20", "seconds": fastest(lambda: find_neighbors(large, 20), 1)}


def fastest(function: Callable[[], object], times: int) -> float:
    """Return the fewest seconds that a function takes."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - started)
    return best


class Killed(Exception):
    """In place of a kill."""


class KilledAfterASave(LocalContext):
    """A context whose run ends after its first checkpoint."""

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        super().save(tensors, state)
        raise Killed


def resumes(options: Options) -> Iterator[dict[str, Any]]:
    """Compare runs that are killed after their first checkpoint and continued with runs that are not."""
    n = 60 if options.tiny else 600
    digits, photographs = usps(options), cifar(options)
    if digits is None:
        return
    small = replace(CONCURL["default"], trunk="resnet18", noise=64, ensemble=4, epochs=2, batch_size=n // 5)
    fast = replace(CONCURL["fast"], trunk="resnet18", epochs=2, batch_size=n // 5)
    dccm = replace(DCCM["default"], epochs=2, large_batch=n // 2, small_batch=n // 10, repeats=1)
    squares = (digits[0] if photographs is None else photographs[0])[:n]
    if squares.shape[2] != 32:
        squares = np.pad(squares, ((0, 0), (0, 0), (8, 8), (8, 8)))
    cases: dict[str, tuple[Callable[..., Outcome], Any, np.ndarray]] = {
        "jule": (train_jule, replace(JULE["default"], epochs_per_period=2, rounds=0), digits[0][:n]),
        "concurl": (train_concurl, small, squares),
        "fast": (train_classifier, fast, squares),
        "dccm": (train_dccm, dccm, squares),
    }
    if options.tiny:
        cases = {"jule": cases["jule"]}
    for name, (train, settings, images) in cases.items():
        folder = options.runs / f"resume-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(Killed):
            train(settings, 5, context(KilledAfterASave, images, options, folder))
        continued = train(settings, 5, context(LocalContext, images, options, folder))
        whole = train(settings, 5, context(LocalContext, images, options, None))
        shutil.rmtree(folder, ignore_errors=True)
        scale = np.abs(whole.embeddings).max()
        yield {"what": name, "largest": float(np.abs(continued.embeddings - whole.embeddings).max() / scale)}


def context(kind: type[LocalContext], images: np.ndarray, options: Options, folder: Path | None) -> LocalContext:
    """Return a context with checkpoints in a folder."""
    device = torch.device(options.device)
    return kind(ResidentFeed(images, device), device, folder=folder)
