"""A training run in the calling process: the same run folder as with Ray Train, without the time that takes to start.

Sweeps train many small networks, and a fit by Ray Train costs each of them 10 to 25 seconds before the first batch.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numba
import numpy as np
import torch
from torch import nn

from raycluster.data.feed import ResidentFeed
from raycluster.errors import UserError
from raycluster.methods.base import Answer
from raycluster.runtime.clock import Clock
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import RunSummary
from raycluster.training.finish import finish
from raycluster.training.gather import gather_rows
from raycluster.training.run_context import RunContext
from raycluster.training.trainer import TrainingRun, begin
from raycluster.training.worker_results import write_worker_results

if TYPE_CHECKING:
    from raycluster.data.loaded_images import LoadedImages


class InProcessContext(RunContext):
    """The context of a single worker that is its own driver.

    Parameters
    ----------
    feed : ResidentFeed
    run_dir : RunDir
    device : torch.device
    seed : int
    labels : ndarray of int64, shape (n,), or None
    on_save : callable, optional
        Called as ``on_save(context, folder)`` after each checkpoint, with the folder of the checkpoints.
    answer : callable, optional
        Calls a function of the driver with its features and keyword arguments; runs can share work through it.

    Attributes
    ----------
    model : Module
        The network in training.
    epochs : int
        How many epochs it has been trained so far.
    """

    model: nn.Module

    def __init__(
        self,
        feed: ResidentFeed,
        run_dir: RunDir,
        device: torch.device,
        seed: int,
        labels: np.ndarray | None,
        on_save: Callable[[InProcessContext, Path], None] | None = None,
        answer: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(feed, run_dir, device, seed, labels)
        self.epochs = sum(row.get("kind") == "epoch" for row in run_dir.rows())
        self._on_save, self._answer = on_save, answer

    def wrap(self, model: nn.Module, sync_batchnorm: bool = True) -> nn.Module:
        """Return the model on the device, and keep it as an attribute."""
        self.model = model.to(self.device)
        return self.model

    def all_gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor: it is the whole batch."""
        return tensor

    def run_on_driver(
        self, step: int, function: Callable[..., Answer], ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> Answer:
        """Run the function here. After a kill it is computed again, with the same answer."""
        rows = gather_rows([(ids, features)], self.feed.n)
        answer: Answer = self._answer(function, rows, **kwargs) if self._answer else function(rows, **kwargs)
        return answer

    def report(self, row: dict[str, Any], clusters: np.ndarray | None = None) -> None:
        """Write a row of metrics, and count epochs."""
        super().report(row, clusters)
        if row["kind"] == "epoch":
            self.epochs += 1

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint, and call ``on_save``."""
        super().save(tensors, state)
        if self._on_save:
            self._on_save(self, self._folder)


def train_in_process(
    run: TrainingRun,
    images: LoadedImages,
    threads: int,
    on_save: Callable[[InProcessContext, Path], None] | None = None,
    answer: Callable[..., Any] | None = None,
) -> RunSummary:
    """Train in this process, or continue the run in ``run.out``, and write the run folder.

    Parameters
    ----------
    run : TrainingRun
    images : LoadedImages
    threads : int
        How many threads to compute with; a continued run keeps its own number.
    on_save, answer
        As for :class:`InProcessContext`.

    Raises
    ------
    UserError
        If the folder holds another run, or the method rejects its input.
    """
    clock = Clock(time.perf_counter(), "ray_start")
    run_dir = RunDir(run.out)
    if run_dir.state(run.identity) == "finished":
        return run_dir.summary()
    with run_dir.lock():
        compute_with(begin(run, run_dir, images, threads))
        run_dir.error_log.unlink(missing_ok=True)
        device = torch.device("cuda" if run.gpus_per_worker and torch.cuda.is_available() else "cpu")
        if device.type == "cuda":
            torch.backends.cudnn.deterministic = True  # the same seed gives the same result
        feed = ResidentFeed(images.pixels, device, seed=run.seed)
        clock.lap("images")
        context = InProcessContext(feed, run_dir, device, run.seed, images.labels, on_save, answer)
        clock.lap("worker_start")
        try:
            outcome = run.method.train(run.settings, run.clusters, context)
        except UserError:
            raise
        except Exception:
            with contextlib.suppress(OSError):  # the disk may be full
                run_dir.error_log.write_text(traceback.format_exc())
            raise
        finally:
            context.close()
        found = write_worker_results(outcome, run_dir, context, images.ids, images.paths, images.canvas)
        assert found is not None  # of rank 0
        clock.lap("training")
        clock.stages["training"] = found.seconds_in_all
        return finish(run_dir, run.method.name, images, found, clock)


def compute_with(threads: int) -> None:
    """Set the number of threads for every library in this process."""
    # Numba first: when it starts its threads, it changes the number that OpenMP, and with it torch, uses.
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    faiss.omp_set_num_threads(threads)
    torch.set_num_threads(threads)
