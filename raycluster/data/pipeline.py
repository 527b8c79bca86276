"""The one place where Ray Data runs: ranges of rows in, arrays out, decoded by tasks all over the cluster.

Where no Ray is connected, the same work is done here, range after range.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import numpy as np
import pyarrow as pa
import ray
import ray.data
from ray.data import ExecutionResources

Columns = dict[str, np.ndarray]
Work = Callable[[Any, int, int], Columns]

# Half a CPU a task: it is partly waiting for files, and it must fit in whatever the training workers leave free.
TASK_CPUS = 0.5
MAX_TASKS = 1000
OBJECT_STORE_PART = 0.5
PREFETCHED_BLOCKS = 4

# What Ray Data says about every single execution is in its own log file.
logging.getLogger("ray.data").setLevel(logging.WARNING)
logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)


def put(rows: Any) -> Any:
    """Put what the work reads from where all tasks reach it: into the object store, if there is a Ray."""
    return ray.put(rows) if ray.is_initialized() else rows


def stream(rows: Any, ranges: np.ndarray, work: Work, in_order: bool = False, sharers: int = 1) -> Iterator[Columns]:
    """Yield ``work(rows, start, stop)`` for every range, computed ahead of the consumer by Ray Data.

    Parameters
    ----------
    rows : ObjectRef, or anything
        What the work reads from, as :func:`put` has put it. What does not lie in an object store is worked on here.
    ranges : ndarray of int64, shape (m, 2)
    work : callable
        Must be importable, or picklable by cloudpickle; returns columns of equal length.
    in_order : bool
        Whether results must come in the order of the ranges, rather than as they are ready.
    sharers : int
        How many such streams run at the same time on the cluster, and share the object store.

    Yields
    ------
    columns : dict of str to ndarray
        Read-only views into the object store.
    """
    if len(ranges) == 0:
        return
    if not isinstance(rows, ray.ObjectRef):
        yield from (work(rows, start, stop) for start, stop in ranges.tolist())
        return
    blocks: list[pa.Table | bytes] = [
        pa.table({"start": block[:, 0], "stop": block[:, 1]})
        for block in np.array_split(ranges, min(len(ranges), MAX_TASKS))
    ]
    dataset = ray.data.from_arrow(blocks).map_batches(
        _run,  # type: ignore[arg-type]  # Ray's types know nothing of fn_kwargs
        fn_kwargs={"rows": [rows], "work": work},
        batch_size=None,
        num_cpus=TASK_CPUS,
    )
    context = dataset.context
    context.enable_progress_bars = False
    context.execution_options.preserve_order = in_order
    context.execution_options.resource_limits = stream_limits(sharers)
    yield from cast("Iterable[Columns]", dataset.iter_batches(batch_size=None, prefetch_batches=PREFETCHED_BLOCKS))


def stream_limits(sharers: int = 1) -> ExecutionResources:
    """Return what one of several streams may use.

    It is an equal share of what the sharers, each of which holds as much as this process, leave free.
    Without it the first of them to ask for tasks keeps the free CPUs until it has read far ahead, and the others,
    which the training waits for in every step, get their first images only then.
    """
    context = ray.get_runtime_context()
    held = context.get_assigned_resources().get("CPU", 0) if context.get_actor_id() else 0
    total = ray.cluster_resources()
    return ExecutionResources.for_limits(
        cpu=max(TASK_CPUS, total.get("CPU", 0) / sharers - held),
        object_store_memory=total.get("object_store_memory", 0) * OBJECT_STORE_PART / sharers,
    )


def _run(block: Columns, rows: list[Any], work: Work) -> Iterator[Columns]:
    table = ray.get(rows[0])
    for start, stop in zip(block["start"].tolist(), block["stop"].tolist(), strict=True):
        yield work(table, start, stop)
