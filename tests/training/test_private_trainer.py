import pytest
import ray
from ray.train import RunConfig, ScalingConfig

from raycluster.training.private_trainer import PrivateTrainer


@pytest.mark.slow
def test_it_trains_with_no_more_actors_than_it_takes(ray_session, tmp_path):
    def train():
        from ray._private.state import actors

        return {one["ActorClassName"] for name, one in actors().items() if name not in before}

    before = set(ray._private.state.actors())
    trainer = PrivateTrainer(
        train, scaling_config=ScalingConfig(num_workers=2), run_config=RunConfig(storage_path=str(tmp_path))
    )
    assert trainer.fit().return_value == {"TrainController", "SynchronizationActor", "RayTrainWorker"}
