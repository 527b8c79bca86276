"""One trial of a sweep: a training run inside a Ray Tune process, and its scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune

from raycluster.data.loaded_images import LoadedImages
from raycluster.options import Scheduler
from raycluster.remote.shared_folder import SharedFolder
from raycluster.runtime.console import Console
from raycluster.runtime.files import remove_tree
from raycluster.runtime.machine import available_cores
from raycluster.runtime.ray_errors import root_cause
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import deliver
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import scores_by_labels
from raycluster.sweeps.objective_callback import ObjectiveCallback, adopt_checkpoint
from raycluster.sweeps.pooling import read_clustered_embeddings
from raycluster.sweeps.search_space import CLUSTERS
from raycluster.sweeps.shared_work import share_pixel_graph
from raycluster.sweeps.standings import comparison_folder
from raycluster.training.in_process import compute_with, train_in_process
from raycluster.training.trainer import TrainingRun, run_training


@dataclass(frozen=True)
class TrialJob:
    """What all trials of a sweep share.

    Attributes
    ----------
    folder : SharedFolder
        That of the sweep.
    run : TrainingRun
        With the settings that every trial starts from.
    objective : str
    scheduler : {"none", "asha", "pbt"}
    interval : int
        Epochs to the first comparison of trials, if there is a scheduler.
    threads : int
        How many threads a trial uses.
    """

    folder: SharedFolder
    run: TrainingRun
    objective: str
    scheduler: Scheduler
    interval: int
    threads: int


def run_trial(config: dict[str, Any], job: TrialJob, images: LoadedImages) -> None:
    """Train with the settings in ``config``, or continue the training, and record the outcome in the ledger.

    Runs inside Ray Tune. The outcome is recorded before it is reported to Tune.
    """
    # Not config["number"]: population-based training passes whole configs on.
    number = int(tune.get_context().get_trial_name())
    with job.folder.opened(f"trials/{number:04d}/", "graphs/") as out:
        _run_trial(config, job, images, number, Ledger(out))


def _run_trial(config: dict[str, Any], job: TrialJob, images: LoadedImages, number: int, ledger: Ledger) -> None:
    folder = ledger.trial_dir(number)
    if not (folder / "config.json").exists():
        remove_tree(folder)  # left over from a job that was killed before the trial began
    job = replace(job, threads=min(job.threads, available_cores()))
    compute_with(job.threads)
    try:
        run = replace(variant(job.run, config), out=str(folder))
        if checkpoint := tune.get_checkpoint():
            with checkpoint.as_directory() as handed_over:
                adopt_checkpoint(run, Path(handed_over))
        outcome = _train(run, job, images, number, ledger.path)
    except Exception as error:
        cause = root_cause(error)
        reason = (str(cause).strip() or "no message").splitlines()[0]
        ledger.write_outcome(number, {"state": "failed", "error": f"{type(cause).__name__}: {reason}"})
        raise
    ledger.write_outcome(number, {"state": "finished"} | outcome)
    deliver(ledger.path)
    if job.scheduler != "pbt":  # which would continue a finished trial from another's checkpoint
        tune.report({"finished": True})  # or Ray Tune would print that it has heard nothing


def variant(run: TrainingRun, config: dict[str, Any]) -> TrainingRun:
    """Return a run with the settings of a trial, and with its number of clusters if that is varied."""
    settings = {name: value for name, value in config.items() if name not in ("number", CLUSTERS)}
    return replace(run, settings=replace(run.settings, **settings), clusters=config.get(CLUSTERS, run.clusters))


def _train(run: TrainingRun, job: TrialJob, images: LoadedImages, number: int, out: Path) -> dict[str, Any]:
    run_dir = RunDir(run.out)
    if run.workers:
        summary = run_training(run, Console(quiet=True))
    else:
        look = None
        if job.scheduler != "none":
            folder_at = partial(comparison_folder, out, job.scheduler, job.interval)
            look = ObjectiveCallback(
                images, int(run.clusters), job.objective, number, folder_at, hand_over=job.scheduler == "pbt"
            )
        shared = share_pixel_graph(out / "graphs", run.method)
        summary = train_in_process(run, images, job.threads, look, shared)
    _, clusters = read_clustered_embeddings(run_dir)  # which says so if the training has diverged
    scores = scores_by_labels(images.labels, clusters)
    return {
        "objective": scores.get(job.objective),  # pooled ones need the other trials
        "scores": scores,
        "clusters": summary.clusters,
        "seconds": summary.seconds,
        "epochs": sum(row["kind"] == "epoch" for row in run_dir.rows()),
        "warnings": summary.health.get("warnings", []),
    }
