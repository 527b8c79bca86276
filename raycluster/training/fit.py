"""The single fit of a run by Ray Train, with its progress shown and its failures explained."""

from __future__ import annotations

import time
import uuid
from typing import Any

import ray.train
from ray.train.torch import TorchConfig

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime.background import run_beside
from raycluster.runtime.console import Console
from raycluster.runtime.files import remove_tree
from raycluster.runtime.metrics_log import MetricsFollower
from raycluster.runtime.ray_errors import explain, is_lasting, root_cause
from raycluster.runtime.resources import Plan, has_room
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import RaySession
from raycluster.training.gloo import GlooConfig
from raycluster.training.private_trainer import PrivateTrainer
from raycluster.training.progress import TrainingProgress
from raycluster.training.start_again import RestartingTrainer
from raycluster.training.worker import WorkerJob, train_worker
from raycluster.training.worker_results import WorkerResults

MAX_RESTARTS = 3
BUSY_AFTER_S = 60.0
GROW_AFTER_S = 20.0  # how often Ray looks for machines that have joined the cluster
LOST_AFTER_S = 10.0  # without room for the workers; a machine may come back by itself


class StopOnLastingErrors(ray.train.UserCallback):
    """Ends the run at once on mistakes, and where a disk is full; Ray Train itself would retry each three times."""

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Raise the error: Ray Train does not retry after one in a callback."""
        for error in worker_exceptions.values():
            cause = root_cause(error)
            if is_lasting(cause):
                raise cause


def fit(job: WorkerJob, plan: Plan, run_dir: RunDir, cluster: RaySession, console: Console) -> WorkerResults:
    """Train, show the progress, and return what worker 0 returned.

    Ray Train runs in another thread, so that this one hears Ctrl-C.

    Raises
    ------
    UserError, TrainingFailed
    OSError
        If a disk has no room.
    """
    follower, progress = MetricsFollower(run_dir.metrics), TrainingProgress(console)
    follower.new_rows()  # those from before a restart have been shown
    began = time.monotonic()

    def show_new_rows() -> None:
        for row in follower.new_rows():
            progress.show(row)

    enough_room = began

    def meanwhile() -> None:
        nonlocal enough_room
        show_new_rows()
        if has_room(cluster.nodes_now(), plan):
            enough_room = time.monotonic()
        if time.monotonic() - enough_room > LOST_AFTER_S:
            raise TrainingFailed(
                f"The cluster has lost machines, and what is left of it has no room for {plan}. Run the same command "
                "again when they are back, or with another number of --workers, to continue."
            )
        if enough_room < time.monotonic() - 1:
            console.progress("training", f"the cluster has lost machines: waiting for {plan}")
        elif progress.begun:
            console.progress("training")
        else:
            busy = f": {cluster.reason_to_wait}" if time.monotonic() - began > BUSY_AFTER_S else ""
            console.progress("training", f"waiting for {plan}{busy}")

    try:
        result: Any = run_beside(build_trainer(job, plan, run_dir, cluster.is_private).fit, meanwhile)
        results: WorkerResults = result.return_value
        return results
    except Exception as error:
        log = run_dir.error_log if run_dir.error_log.exists() else cluster.logs
        raise explain(error, "Training", log, (UserError, TrainingFailed)) from error
    finally:
        show_new_rows()
        remove_tree(run_dir.checkpoints / "ray")


def build_trainer(job: WorkerJob, plan: Plan, run_dir: RunDir, is_private: bool) -> RestartingTrainer:
    """Return the trainer. Checkpoints are our own, so that Ray Train's storage holds nothing of value."""
    resources = {"CPU": plan.cpus_per_worker}
    if plan.gpus_per_worker:
        resources["GPU"] = plan.gpus_per_worker
    number = (plan.workers, plan.most_workers) if plan.most_workers else plan.workers
    trainer = PrivateTrainer if is_private and not plan.most_workers else RestartingTrainer
    return trainer(
        train_worker,  # type: ignore[arg-type]  # Ray Train returns what worker 0 returns
        train_loop_config={"job": job},
        # NCCL needs a whole GPU for every worker.
        torch_config=TorchConfig(backend="nccl") if plan.gpus_per_worker > 0.5 else GlooConfig(),
        scaling_config=ray.train.ScalingConfig(  # type: ignore[call-arg]  # as below
            num_workers=number,  # type: ignore[arg-type]  # as below
            elastic_resize_monitor_interval_s=GROW_AFTER_S,
            use_gpu=plan.gpus_per_worker > 0,
            resources_per_worker=resources,
        ),
        run_config=ray.train.RunConfig(  # type: ignore[call-arg]  # mypy knows Ray Train's former class of this name
            name=uuid.uuid4().hex,
            storage_path=str(run_dir.checkpoints / "ray"),
            failure_config=ray.train.FailureConfig(  # type: ignore[call-arg]  # as above
                max_failures=MAX_RESTARTS, controller_failure_limit=MAX_RESTARTS
            ),
            logging_config=ray.train.LoggingConfig(log_level="ERROR"),
            callbacks=[StopOnLastingErrors()],  # type: ignore[list-item]  # as above
        ),
    )
