"""What runs in a training worker: the context that a method sees there, and the function that Ray Train calls."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import ray
import torch
import torch.distributed as dist
from torch import nn

from raycluster.data.feed import Feed, ResidentFeed
from raycluster.errors import UserError
from raycluster.methods.base import Context, DriverFunction, Outcome
from raycluster.nn.collective import all_gather_with_gradient
from raycluster.nn.precision import mixed_precision
from raycluster.nn.sync_batch_norm import synchronise_batchnorm
from raycluster.runtime.checkpoint import load_latest, save_checkpoint
from raycluster.runtime.metrics_log import MetricsLog
from raycluster.runtime.resources import available_cores
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import NAMESPACE
from raycluster.training.driver import ask_driver

Method = Callable[[Any, Any, Context], Outcome]


@dataclass(frozen=True)
class WorkerJob:
    """All that a worker is told; large arrays as references into the object store.

    Attributes
    ----------
    out : str
        The run folder.
    method : callable
        ``method(settings, clusters, context) -> Outcome``.
    settings : Any
        The method's settings.
    clusters : int or "auto"
    seed : int
    driver : str
        The name of the driver actor.
    threads : int
        How many threads a worker computes with.
    images : ObjectRef of ndarray of uint8 [n, C, H, W], or None
        What the resident feed holds; without it the images of ``image_set`` are streamed.
    image_set : ImageSet or None
    ids, paths, labels : ObjectRef
        Public ids int64 [n], names [n] and known classes int64 [n] (or None) of all rows.
    """

    out: str
    method: Method
    settings: Any
    clusters: int | Literal["auto"]
    seed: int
    driver: str
    threads: int
    images: Any
    image_set: Any
    ids: Any
    paths: Any
    labels: Any

    def feed(self, device: torch.device, rank: int, world_size: int) -> Feed:
        """Return this worker's view of the images."""
        if self.images is None:
            from raycluster.data.streaming import StreamingFeed

            return StreamingFeed(self.image_set, device, rank, world_size, self.seed)
        return ResidentFeed(ray.get(self.images), device, rank, world_size, self.seed)


class RayContext:
    """The context of a method inside a Ray Train worker; see :class:`raycluster.methods.base.Context`.

    Parameters
    ----------
    feed : Feed
    run_dir : RunDir
    driver : ActorHandle
        The :class:`raycluster.training.driver.ClusterDriver`.
    rank, world_size : int
        With more than one worker, torch's default process group must be up.
    device : torch.device
    seed : int
    labels : ndarray of int64, shape (n,), or None
    group : int
        The number of this start of the workers, of :func:`number_of_group`.
    """

    def __init__(
        self,
        feed: Feed,
        run_dir: RunDir,
        driver: Any,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device | None = None,
        seed: int = 0,
        labels: np.ndarray | None = None,
        group: int = 0,
    ) -> None:
        self.feed, self.rank, self.world_size, self.seed, self.labels = feed, rank, world_size, seed, labels
        self.device = device or torch.device("cpu")
        self._driver = driver
        self._folder = run_dir.checkpoints / "training"
        self._saved = load_latest(self._folder)
        before: dict[str, Any] = self._saved[1] if self._saved else {"lines": 0, "seconds": 0.0}
        self._began, self._seconds_before = time.perf_counter(), before["seconds"]
        self._group = group
        self._metrics = MetricsLog(run_dir.metrics, run_dir.tensorboard, before["lines"]) if rank == 0 else None
        self.report(
            {
                "kind": "start",
                "continued": self._saved is not None,
                "seconds": before["seconds"],
                "workers": world_size,
                "device": str(self.device),
                "threads": torch.get_num_threads(),
            }
        )

    @property
    def seconds(self) -> float:
        """Seconds since this start."""
        return time.perf_counter() - self._began

    @property
    def seconds_in_all(self) -> float:
        """Seconds of training, those that led to the checkpoint that this start continues from included."""
        return self._seconds_before + self.seconds

    def wrap(self, model: nn.Module, sync_batchnorm: bool = True) -> nn.Module:
        """Return the model on the device; with several workers, gradients are averaged and BatchNorm may see all."""
        model = model.to(self.device)
        if self.world_size == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        synced = synchronise_batchnorm(model) if sync_batchnorm else model
        return nn.parallel.DistributedDataParallel(synced, device_ids=devices, broadcast_buffers=False)

    def all_gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the workers' tensors, concatenated by rank, with a gradient."""
        return tensor if self.world_size == 1 else all_gather_with_gradient(tensor)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return bfloat16 autocast where the device computes in it natively."""
        return mixed_precision(self.device)

    def run_on_driver(
        self, step: int, function: DriverFunction, ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> dict[str, np.ndarray]:
        """Send this worker's rows to the driver actor and wait for its answer."""
        part = ray.put((ids, features))
        return ask_driver(self._driver, self._group, step, self.rank, self.world_size, part, function, kwargs)

    def report(self, row: dict[str, Any]) -> None:
        """Write a row to ``metrics.jsonl`` and to TensorBoard."""
        if self._metrics:
            self._metrics.append(row)

    def close(self) -> None:
        """Close the files of metrics, where the process lives on after the run."""
        if self._metrics:
            self._metrics.close()

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint; every worker waits until it is there."""
        if self._metrics:
            own = {"method": state, "lines": self._metrics.lines, "seconds": self.seconds_in_all}
            save_checkpoint(self._folder, tensors, own)
        if self.world_size > 1:
            dist.barrier()

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint."""
        return (dict(self._saved[0]), self._saved[1]["method"]) if self._saved else None


def number_of_group(driver: Any, rank: int, world_size: int, device: torch.device) -> int:
    """Return a number that all workers of this start share, higher than those of earlier starts."""
    number = torch.zeros(1, dtype=torch.int64, device=device)
    if rank == 0:
        number[0] = ray.get(driver.new_group.remote())
    if world_size > 1:
        dist.broadcast(number, src=0)
    return int(number)


def train_worker(config: dict[str, Any]) -> dict[str, Any] | None:
    """Run the method in this worker and write its part of the results; worker 0 returns the rest to the job."""
    job: WorkerJob = config["job"]
    run_dir = RunDir(job.out)
    try:
        return _train(job, run_dir)
    except Exception:
        if run_dir.path.is_dir():
            run_dir.error_log.write_text(traceback.format_exc())
        raise


def _train(job: WorkerJob, run_dir: RunDir) -> dict[str, Any] | None:
    import ray.train.torch

    place = ray.train.get_context()
    rank, world_size = place.get_world_rank(), place.get_world_size()
    if not (run_dir.path / "config.json").exists():
        raise UserError(
            f"{run_dir.path} is not there on machine {ray.util.get_node_ip_address()}: choose an --out on storage that "
            "all machines of the cluster share."
        )
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.deterministic = True  # the same seed gives the same result
    torch.set_num_threads(min(job.threads, available_cores()))
    feed = job.feed(device, rank, world_size)
    driver = ray.get_actor(job.driver, namespace=NAMESPACE)
    labels = ray.get(job.labels)
    group = number_of_group(driver, rank, world_size, device)
    context = RayContext(feed, run_dir, driver, rank, world_size, device, job.seed, labels, group)
    outcome = job.method(job.settings, job.clusters, context)

    return write_worker_results(outcome, run_dir, context, ray.get(job.ids), ray.get(job.paths))


def write_worker_results(
    outcome: Outcome, run_dir: RunDir, context: RayContext, public_ids: np.ndarray, paths: list[str]
) -> dict[str, Any] | None:
    """Write this worker's embeddings; worker 0 writes the model too, and returns what the summary is made from."""
    names = [paths[row] for row in outcome.ids]
    run_dir.write_embeddings(context.rank, context.world_size, public_ids[outcome.ids], names, outcome.embeddings)
    if context.rank != 0:
        return None
    run_dir.write_model(outcome.model, outcome.architecture)
    return {
        "clusterings": outcome.clusterings,
        "reported": outcome.reported,
        "confidence": outcome.confidence,
        "merges": outcome.merges,
        "seconds": context.seconds,
        "seconds_in_all": context.seconds_in_all,
    }
