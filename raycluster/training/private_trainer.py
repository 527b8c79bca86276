"""Ray Train's trainer without the actors that a private cluster has no use for.

Each of them is a process that imports Ray's libraries before the workers may start.
"""

from __future__ import annotations

from typing import Any

from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2.api import data_parallel_trainer

from raycluster.runtime.replaced import replaced
from raycluster.training.start_again import RestartingTrainer

# The cleaner frees what a dead controller had reserved, for other jobs. Images do not come through Ray Train.
NOT_NEEDED = (PlacementGroupCleanerCallback, DatasetsCallback)


class PrivateTrainer(RestartingTrainer):
    """A trainer for a private cluster, which has no other jobs and gets no other machines."""

    def fit(self) -> Any:
        """Train, and return Ray Train's result."""
        with replaced(data_parallel_trainer, "create_scaling_policy", FixedWorkers):
            return super().fit()

    def _create_default_callbacks(self) -> list[Any]:
        return [one for one in super()._create_default_callbacks() if not isinstance(one, NOT_NEEDED)]


class FixedWorkers(FixedScalingPolicy):
    """Starts the workers asked for, without a request for more machines."""

    def after_controller_start(self, train_run_context: Any) -> None:
        """Request nothing."""

    def _maybe_send_resource_request(self) -> None:
        pass
