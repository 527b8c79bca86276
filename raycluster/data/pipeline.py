"""The one place where Ray Data reads images: ranges of rows in, arrays out, decoded by tasks all over the cluster.

Without a Ray connection the same work is done in this process, range by range.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import numpy as np
import pyarrow as pa
import ray
import ray.data
from ray.data import ExecutionResources
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raycluster.errors import UserError

Columns = dict[str, np.ndarray]
RangeFunction = Callable[[Any, int, int], Columns]
Progress = Callable[[int], None]

# Half a CPU per task: part of its time it waits for files, and it must fit into whatever training leaves free.
TASK_CPUS = 0.5
MAX_TASKS = 1000
OBJECT_STORE_PART = 0.5
PREFETCHED_BLOCKS = 4
NO_PROGRESS_S = 120.0  # by default, a starved pipeline hangs for half an hour

# Ray Data reports every single execution; its own log file has those messages.
logging.getLogger("ray.data").setLevel(logging.WARNING)
logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)


def put_rows(rows: Any) -> Any:
    """Put the rows into the object store, where all tasks can read them; return them unchanged without Ray."""
    return ray.put(rows) if ray.is_initialized() else rows


def map_ranges(
    function: RangeFunction, rows: Any, ranges: np.ndarray, in_order: bool = False, n_streams: int = 1
) -> Iterator[Columns]:
    """Yield ``function(rows, start, stop)`` for every range, computed ahead of the consumer by Ray Data.

    Parameters
    ----------
    function : callable
        Must be importable, or picklable by cloudpickle; returns columns of equal length.
    rows : ObjectRef, or anything
        What the function reads from, as returned by :func:`put_rows`. Anything but an ObjectRef is processed in this
        process.
    ranges : ndarray of int64, shape (m, 2)
    in_order : bool
        Whether results must come in the order of the ranges, rather than as they become ready.
    n_streams : int
        How many such streams run on the cluster at the same time and share its object store.

    Yields
    ------
    columns : dict of str to ndarray
        Read-only views into the object store.
    """
    if len(ranges) == 0:
        return
    if not isinstance(rows, ray.ObjectRef):
        yield from (function(rows, start, stop) for start, stop in ranges.tolist())
        return
    blocks: list[pa.Table | bytes] = [
        pa.table({"start": block[:, 0], "stop": block[:, 1]})
        for block in np.array_split(ranges, min(len(ranges), MAX_TASKS))
    ]
    dataset = ray.data.from_arrow(blocks).map_batches(
        _run,  # type: ignore[arg-type]  # Ray's types know nothing of fn_kwargs
        fn_kwargs={"rows": [rows], "function": function},
        batch_size=None,
        num_cpus=TASK_CPUS,
    )
    context = quiet_context(dataset)
    context.execution_options.preserve_order = in_order
    context.execution_options.resource_limits = stream_limits(n_streams)
    yield from cast("Iterable[Columns]", dataset.iter_batches(batch_size=None, prefetch_batches=PREFETCHED_BLOCKS))


def check_seen(path: str | None, option: str, remedy: str = "choose storage that all machines share") -> None:
    """Raise :class:`UserError` unless all machines of the cluster see a file; without Ray there is only this one.

    Parameters
    ----------
    path : str or None
        None for what is behind a URI.
    option : str
        What it belongs to, as in ``--data photos``.
    remedy : str
        What to do if one does not.
    """
    if path is None or not ray.is_initialized():
        return
    machines = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    if len(machines) == 1:
        return
    look = ray.remote(os.path.exists)
    answers = {
        address: look.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
            path
        )
        for node, address in machines.items()
    }
    for address, answer in answers.items():
        with contextlib.suppress(RayError):  # a machine that has just been lost
            if not ray.get(answer):
                raise UserError(f"{option} is not there on machine {address}: {remedy}.")


def quiet_context(dataset: ray.data.Dataset, no_progress_s: float = NO_PROGRESS_S) -> ray.data.DataContext:
    """Return the settings of a dataset: without progress bars, and with an error if it stands still for so long."""
    context = dataset.context
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = no_progress_s
    return context


def stream_limits(n_streams: int = 1) -> ExecutionResources:
    """Return what one of several streams may use.

    Each gets an equal share of what their consumers leave free; every consumer holds as much as this process does.
    Without limits, the first stream to ask for tasks would keep the free CPUs until it had read far ahead. Only then
    would the others get their first images, and training waits for all of them in every step.
    """
    context = ray.get_runtime_context()
    held = context.get_assigned_resources().get("CPU", 0) if context.get_actor_id() else 0
    total = ray.cluster_resources()
    return ExecutionResources.for_limits(
        cpu=max(TASK_CPUS, total.get("CPU", 0) / n_streams - held),
        object_store_memory=total.get("object_store_memory", 0) * OBJECT_STORE_PART / n_streams,
    )


def _run(block: Columns, rows: list[Any], function: RangeFunction) -> Iterator[Columns]:
    table = ray.get(rows[0])
    for start, stop in zip(block["start"].tolist(), block["stop"].tolist(), strict=True):
        yield function(table, start, stop)
