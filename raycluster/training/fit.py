"""The one fit of a run: Ray Train's part, with its progress told and its failures explained."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import wait
from typing import Any

import ray.train.torch

from raycluster.runtime.background import run_in_thread
from raycluster.runtime.console import Say, describe
from raycluster.runtime.files import remove_tree
from raycluster.runtime.metrics_log import MetricsFollower
from raycluster.runtime.ray_errors import MISTAKES, explain, root_cause
from raycluster.runtime.resources import Plan
from raycluster.runtime.run_dir import RunDir
from raycluster.training.worker import WorkerJob, train_worker
from raycluster.training.worker_results import WorkerResults

MAX_RESTARTS = 3
BUSY_AFTER_S = 60.0


class StopOnMistakes(ray.train.UserCallback):
    """Ends the run at once for errors of input or program; Ray Train alone would try every one of them three times."""

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Raise the mistake: Ray Train takes an error in a callback for final."""
        for error in worker_exceptions.values():
            cause = root_cause(error)
            if isinstance(cause, MISTAKES):
                raise cause


def fit(job: WorkerJob, plan: Plan, run_dir: RunDir, logs: str, say: Say) -> WorkerResults:
    """Train, and return what worker 0 returned.

    Ray Train runs in a thread beside; here the progress is told, and here ctrl-C arrives.

    Raises
    ------
    UserError, TrainingFailed
    """
    follower = MetricsFollower(run_dir.metrics)
    follower.new_rows()  # those of an earlier sitting were told then
    done = run_in_thread(build_trainer(job, plan, run_dir).fit)
    began, told = time.monotonic(), False
    while not wait([done], timeout=0.3).done:
        told = _tell_new(follower, say) or told
        if not told and time.monotonic() - began > BUSY_AFTER_S:
            say(f"Still waiting for {plan}: other jobs may be using the cluster.")
            told = True
    _tell_new(follower, say)
    remove_tree(run_dir.checkpoints / "ray")
    try:
        returned: WorkerResults = done.result().return_value
        return returned
    except Exception as error:
        log = run_dir.error_log if run_dir.error_log.exists() else logs
        raise explain(error, "Training", log) from error


def build_trainer(job: WorkerJob, plan: Plan, run_dir: RunDir) -> ray.train.torch.TorchTrainer:
    """Return the trainer; checkpoints are our own, and Ray Train's storage holds nothing of worth."""
    resources = {"CPU": plan.cpus_per_worker}
    if plan.gpus_per_worker:
        resources["GPU"] = plan.gpus_per_worker
    return ray.train.torch.TorchTrainer(
        train_worker,  # type: ignore[arg-type]  # Ray Train returns what worker 0 returns
        train_loop_config={"job": job},
        # NCCL wants a whole GPU for every worker.
        torch_config=ray.train.torch.TorchConfig(backend="nccl" if plan.gpus_per_worker > 0.5 else "gloo"),
        scaling_config=ray.train.ScalingConfig(
            num_workers=plan.workers, use_gpu=plan.gpus_per_worker > 0, resources_per_worker=resources
        ),
        run_config=ray.train.RunConfig(  # type: ignore[call-arg]  # mypy knows Ray Train's former class of this name
            name=uuid.uuid4().hex,
            storage_path=str(run_dir.checkpoints / "ray"),
            failure_config=ray.train.FailureConfig(  # type: ignore[call-arg]  # as above
                max_failures=MAX_RESTARTS, controller_failure_limit=MAX_RESTARTS
            ),
            logging_config=ray.train.LoggingConfig(log_level="ERROR"),
            callbacks=[StopOnMistakes()],  # type: ignore[list-item]  # as above
        ),
    )


def _tell_new(follower: MetricsFollower, say: Say) -> bool:
    rows = follower.new_rows()
    for row in rows:
        say(describe(row))
    return bool(rows)
