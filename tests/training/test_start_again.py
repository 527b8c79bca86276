import os
import signal

import pytest
import ray
from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.v2._internal.execution.callback import WorkerGroupCallback

from raycluster.training.start_again import RestartingTrainer


@pytest.mark.slow
def test_workers_start_again_where_one_died_before_the_training_and_there_is_no_room_for_more(
    ray_session, tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "20")
    died = []

    class KillOnce(WorkerGroupCallback):
        def after_worker_group_start(self, worker_group):
            if not died:
                died.append(True)
                with pytest.raises(RayActorError):
                    worker_group.execute_single(0, lambda: os.kill(os.getpid(), signal.SIGKILL))
                worker_group.execute_single(0, os.getpid)

    half = ray.cluster_resources()["CPU"] // 2
    trainer = RestartingTrainer(
        lambda: "trained",
        scaling_config=ScalingConfig(num_workers=2, resources_per_worker={"CPU": half}),
        run_config=RunConfig(
            storage_path=str(tmp_path),
            failure_config=FailureConfig(controller_failure_limit=1),
            callbacks=[KillOnce()],
        ),
    )
    assert trainer.fit().return_value == "trained"
