"""A trainer whose workers can start again if one of them dies while they are starting."""

from __future__ import annotations

from typing import Any

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.execution.callback import WorkerGroupCallback


class FreeFailedStart(WorkerGroupCallback):
    """Frees the cores and GPUs of a group of workers if one of them died before the training.

    Ray Train (2.60) forgets such a group without ending it. On a cluster that has no room for a second one, it would
    then wait for the cores of the first, and give up after four minutes. This must be the first of all callbacks: those
    after the one that fails are not called.
    """

    def __init__(self) -> None:
        self._group: Any = None

    def after_worker_group_start(self, worker_group: Any) -> None:
        """Remember the group."""
        self._group = worker_group

    def before_worker_group_start(self, worker_group_context: Any) -> None:
        """End the group before, unless Ray Train has."""
        if self._group is not None and self._group.has_started():  # an ended group cannot be asked for its truth value
            self._group.abort()


class RestartingTrainer(TorchTrainer):
    """Ray Train's trainer with :class:`FreeFailedStart`."""

    def _create_default_callbacks(self) -> list[Any]:
        return [FreeFailedStart(), *super()._create_default_callbacks()]  # type: ignore[misc]  # mypy knows the former class
