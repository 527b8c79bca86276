"""The results of a run's workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from raycluster.data.canvas import Canvas
from raycluster.methods.base import Outcome
from raycluster.runtime.run_dir import RunDir
from raycluster.training.run_context import RunContext


@dataclass(frozen=True)
class WorkerResults:
    """What worker 0 returns to the job at the end of the training.

    Attributes
    ----------
    clusterings, reported, outliers, merges
        As in :class:`raycluster.methods.base.Outcome`.
    workers : int
        How many there were at the end.
    seconds, seconds_in_all : float
        Of this start, and of the whole training, including what led to the checkpoint that it continued from.
    """

    clusterings: dict[str, np.ndarray]
    reported: str
    outliers: np.ndarray | None
    merges: dict[str, np.ndarray] | None
    workers: int
    seconds: float
    seconds_in_all: float


def write_worker_results(
    outcome: Outcome, run_dir: RunDir, context: RunContext, public_ids: np.ndarray, paths: list[str], canvas: Canvas
) -> WorkerResults | None:
    """Write this worker's embeddings; worker 0 also writes the model, and returns what the summary needs.

    Parameters
    ----------
    outcome : Outcome
    run_dir : RunDir
    context : RunContext
    public_ids : ndarray of int64, shape (n,)
    paths : list of str, length n
    canvas : Canvas
        What the images were brought to; new images will be brought to the same.
    """
    names = [paths[row] for row in outcome.ids]
    run_dir.write_embeddings(context.rank, context.world_size, public_ids[outcome.ids], names, outcome.embeddings)
    if context.rank != 0:
        return None
    prepared = {"fit": canvas.fit, "value_range": canvas.value_range}
    run_dir.write_model(outcome.model, outcome.model.architecture() | prepared)
    return WorkerResults(
        clusterings=outcome.clusterings,
        reported=outcome.reported,
        outliers=outcome.outliers,
        merges=outcome.merges,
        workers=context.world_size,
        seconds=context.seconds,
        seconds_in_all=context.seconds_in_all,
    )
