"""What runs in a training worker: the method's context there, and the function that Ray Train calls."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import ray
import torch
import torch.distributed as dist
from torch import nn

from raycluster.data.canvas import Canvas
from raycluster.data.feed import Feed, ResidentFeed
from raycluster.methods.base import Answer, Context, Outcome
from raycluster.nn.collective import all_gather_with_gradient
from raycluster.nn.sync_batch_norm import synchronize_batch_norm
from raycluster.remote.shared_folder import SharedFolder
from raycluster.runtime.machine import available_cores
from raycluster.runtime.private_ray import NAMESPACE
from raycluster.runtime.run_dir import RunDir
from raycluster.training.driver import ask_driver
from raycluster.training.run_context import RunContext
from raycluster.training.worker_results import WorkerResults, write_worker_results


@dataclass(frozen=True)
class WorkerJob:
    """Everything that a worker needs; large arrays are references into the object store.

    Attributes
    ----------
    folder : SharedFolder
        The run folder.
    train : callable
        ``train(settings, clusters, context) -> Outcome``.
    settings : Any
        The method's settings.
    clusters : int or "auto"
    seed : int
    driver : str
        The name of the driver actor.
    threads : int
        How many threads a worker uses.
    images : ObjectRef of ndarray of uint8 [n, C, H, W], or None
        The images of the resident feed; None if those of ``image_set`` are streamed.
    image_set : ImageSet or None
    canvas : Canvas
        What the images were brought to.
    ids, paths, labels : ObjectRef
        Public ids int64 [n], names [n] and known classes int64 [n] (or None) of all rows.
    """

    folder: SharedFolder
    train: Callable[[Any, Any, Context], Outcome]
    settings: Any
    clusters: int | Literal["auto"]
    seed: int
    driver: str
    threads: int
    images: Any
    image_set: Any
    canvas: Canvas
    ids: Any
    paths: Any
    labels: Any

    def feed(self, device: torch.device, rank: int, world_size: int) -> Feed:
        """Return this worker's view of the images."""
        if self.images is None:
            from raycluster.data.streaming import StreamingFeed

            return StreamingFeed(self.image_set, device, rank, world_size, self.seed)
        return ResidentFeed(ray.get(self.images), device, rank, world_size, self.seed)


class RayContext(RunContext):
    """The context of a method inside a Ray Train worker.

    Parameters
    ----------
    feed, run_dir, device, seed, labels, rank, world_size
        As for :class:`raycluster.training.run_context.RunContext`; with more than one worker, torch's default process
        group must be up.
    driver : ActorHandle
        The :class:`raycluster.training.driver.ClusterDriver`.
    group : int
        The number of this group of workers, from :func:`number_of_group`.
    """

    def __init__(
        self,
        feed: Feed,
        run_dir: RunDir,
        device: torch.device,
        driver: Any,
        group: int,
        seed: int = 0,
        labels: np.ndarray | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(feed, run_dir, device, seed, labels, rank, world_size)
        self._driver, self._group = driver, group
        self._check_checkpoint(run_dir.path)

    def _check_checkpoint(self, folder: Path) -> None:
        """Raise if not all workers continue from the same checkpoint: they would mix networks, and nobody would see."""
        lines = self.all_gather(torch.tensor([self.lines_before], device=self.device))
        if (lines != lines[0]).any():
            raise RuntimeError(
                f"Workers see different checkpoints in {folder}: not every machine sees its present state."
            )

    def wrap(self, model: nn.Module, sync_batchnorm: bool = True) -> nn.Module:
        """Return the model on the device; with several workers, average gradients and let BatchNorm see all images."""
        model = model.to(self.device)
        if self.world_size == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        synced = synchronize_batch_norm(model) if sync_batchnorm else model
        return nn.parallel.DistributedDataParallel(synced, device_ids=devices, broadcast_buffers=False)

    def all_gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the workers' tensors, concatenated by rank, with a gradient."""
        return tensor if self.world_size == 1 else all_gather_with_gradient(tensor)

    def run_on_driver(
        self, step: int, function: Callable[..., Answer], ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> Answer:
        """Send this worker's rows to the driver actor, and return its answer."""
        part = ray.put((ids, features))
        answer: Answer = ask_driver(self._driver, self._group, step, self.rank, self.world_size, part, function, kwargs)
        return answer

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint; every worker waits until it is written."""
        super().save(tensors, state)
        if self.world_size > 1:
            dist.barrier()


def number_of_group(driver: Any, rank: int, world_size: int, device: torch.device) -> int:
    """Return a number that all workers of this group share, higher than those of earlier groups."""
    number = torch.zeros(1, dtype=torch.int64, device=device)
    if rank == 0:
        number[0] = ray.get(driver.new_group.remote())
    if world_size > 1:
        dist.broadcast(number, src=0)
    return int(number)


def train_worker(config: dict[str, Any]) -> WorkerResults | None:
    """Run the method in this worker, and write its part of the results; worker 0 returns the rest to the job."""
    job: WorkerJob = config["job"]
    with job.folder.opened("checkpoints/training/", "checkpoints/kept/", "metrics.jsonl") as folder:
        run_dir = RunDir(folder)
        try:
            return _train(job, run_dir)
        except Exception:
            with contextlib.suppress(OSError):  # the folder may be missing, or its disk full
                run_dir.error_log.write_text(traceback.format_exc())
            raise


def _train(job: WorkerJob, run_dir: RunDir) -> WorkerResults | None:
    import ray.train.torch

    place = ray.train.get_context()
    rank, world_size = place.get_world_rank(), place.get_world_size()
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.deterministic = True  # the same seed gives the same result
    torch.set_num_threads(min(job.threads, available_cores()))
    feed = job.feed(device, rank, world_size)
    driver = ray.get_actor(job.driver, namespace=NAMESPACE)
    labels = ray.get(job.labels)
    group = number_of_group(driver, rank, world_size, device)
    context = RayContext(feed, run_dir, device, driver, group, job.seed, labels, rank, world_size)
    outcome = job.train(job.settings, job.clusters, context)

    return write_worker_results(outcome, run_dir, context, ray.get(job.ids), ray.get(job.paths), job.canvas)
