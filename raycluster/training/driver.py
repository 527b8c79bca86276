"""The driver actor: the one place that sees the features of all images."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import ray
import torch
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from raycluster.methods.base import Answer
from raycluster.remote.shared_folder import SharedFolder
from raycluster.runtime.checkpoint import load_checkpoints, save_checkpoint
from raycluster.runtime.machine import available_cores
from raycluster.runtime.stand_in import deliver
from raycluster.training.driver_answers import from_arrays, to_arrays
from raycluster.training.gather import gather_rows

ANSWERS = "checkpoints/driver/"  # in the run folder
Part = tuple[np.ndarray, np.ndarray]


@dataclass
class _Call:
    """A step that waits for the rows of all workers."""

    answer: asyncio.Future[Any]
    parts: dict[int, Part] = field(default_factory=dict)


class ClusterDriver:
    """Gathers feature rows from the workers, runs a function on them, and keeps the latest answers on disk.

    If the actor dies, Ray restarts it; it then finds its answers in the run folder, and the workers ask again.

    Parameters
    ----------
    shared : SharedFolder
        The run folder, where the answers are kept.
    n : int
        How many rows every step must have.
    rehearse : callable, optional
        Called in a thread while the workers start, to load and compile what the first step needs.
    """

    def __init__(self, shared: SharedFolder, n: int, rehearse: Callable[[], object] | None = None) -> None:
        use_all_cores()
        if rehearse:
            threading.Thread(target=rehearse, daemon=True).start()
        self._n = n
        self._until_killed = contextlib.ExitStack()
        self._run = self._until_killed.enter_context(shared.opened(ANSWERS))
        self._folder = self._run / ANSWERS
        self._answers: dict[int, dict[str, np.ndarray]] = {
            state["step"]: {name: tensor.numpy() for name, tensor in tensors.items()}
            for tensors, state in load_checkpoints(self._folder)
        }
        self._group = 0
        self._calls: dict[int, _Call] = {}
        self._one_at_a_time = asyncio.Lock()

    async def close(self) -> None:
        """Remove the copy of the run folder, if this machine does not see it."""
        await asyncio.to_thread(self._until_killed.close)

    async def new_group(self) -> int:
        """Return a number higher than that of every earlier group of workers, even where clocks differ."""
        return max(time.time_ns(), self._group + 1)

    async def run(
        self,
        group: int,
        step: int,
        rank: int,
        world_size: int,
        part: Part,
        function: Callable[..., Answer],
        kwargs: dict[str, Any],
    ) -> Answer:
        """Wait for every worker's rows of a step, and return ``function(features, **kwargs)`` to all of them.

        ``group`` numbers the worker groups of a run in ascending order: when a worker dies, Ray Train restarts all of
        them, and the unfinished calls of the earlier group are dropped.
        """
        if group > self._group:
            self._group = group
            for call in self._calls.values():
                call.answer.cancel()
            self._calls.clear()
        elif group < self._group:  # a late call: its rows must not mix with those of the present workers
            raise RuntimeError("These workers have been replaced by others.")
        if step in self._answers:
            return from_arrays(function, self._answers[step])
        call = self._calls.setdefault(step, _Call(asyncio.get_running_loop().create_future()))
        call.parts[rank] = part
        if len(call.parts) == world_size:
            try:
                answer = await self._answer(step, list(call.parts.values()), function, kwargs)
            except Exception as error:
                self._calls.pop(step, None)
                if not call.answer.done():
                    call.answer.set_exception(error)
            else:
                self._calls.pop(step, None)
                if not call.answer.done():
                    call.answer.set_result(answer)
        answered: Answer = await asyncio.shield(call.answer)
        return answered

    async def _answer(
        self, step: int, parts: list[Part], function: Callable[..., Answer], kwargs: dict[str, Any]
    ) -> Answer:
        async with self._one_at_a_time:
            if step not in self._answers:
                result = await asyncio.to_thread(self._compute, step, parts, function, kwargs)
                self._answers = dict([*self._answers.items(), (step, result)][-2:])
            return from_arrays(function, self._answers[step])

    def _compute(
        self, step: int, parts: list[Part], function: Callable[..., Any], kwargs: dict[str, Any]
    ) -> dict[str, np.ndarray]:
        result = to_arrays(function(gather_rows(parts, self._n), **kwargs))
        # Saved before anyone sees it: whoever asks again after a crash gets the same answer.
        save_checkpoint(self._folder, {name: torch.tensor(value) for name, value in result.items()}, {"step": step})
        deliver(self._run)
        return result


def use_all_cores() -> None:
    """Let this process use all cores of its machine; Ray gives an actor without cores one thread.

    The training workers wait while the driver computes.
    """
    cores = available_cores()
    os.environ["OMP_NUM_THREADS"] = str(cores)  # for libraries that are loaded after this: FAISS, numba
    torch.set_num_threads(cores)


def ask_driver(driver: Any, *arguments: Any, attempts: int = 7) -> Any:
    """Call ``ClusterDriver.run`` with the same arguments until it answers, across restarts of the actor.

    The pause before each attempt is twice as long as the one before: on a busy machine, a restart can take a minute.

    Raises
    ------
    Exception
        Whatever the function raised on the driver.
    ActorDiedError
        If the actor dies in each of ``attempts`` attempts.
    """
    pause = 1.0
    while True:
        try:
            return ray.get(driver.run.remote(*arguments))
        except RayTaskError as error:
            raise error.cause from None
        except (ActorUnavailableError, ActorDiedError):
            attempts -= 1
            if not attempts:
                raise
            time.sleep(pause)
            pause *= 2
