"""How the cluster's cores and GPUs are shared out: to the training workers, to Ray Data, to the driver actor."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from raycluster.errors import UserError

DRIVER_GPU_SHARE = 0.1


@dataclass(frozen=True)
class Node:
    """The cores and GPUs of one machine of the cluster."""

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What is asked of Ray.

    Attributes
    ----------
    workers : int
    cpus_per_worker, gpus_per_worker : float
    driver_gpus : float
        The part of a GPU that the driver actor builds its graphs on; 0 where there is none to spare.
    """

    workers: int
    cpus_per_worker: float
    gpus_per_worker: float
    driver_gpus: float

    def __str__(self) -> str:
        gpus = f" and {self.gpus_per_worker:g} GPU" if self.gpus_per_worker else ""
        return f"{self.workers} worker(s) with {self.cpus_per_worker:g} CPU core(s){gpus} each"


def plan_resources(
    nodes: list[Node],
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    streaming: bool = False,
    most_cpus: float | None = None,
) -> Plan:
    """Choose the number of workers where it is not given, and give each as many cores as there are.

    By default there is one worker a GPU, or one in all without GPUs; with GPUs, a tenth of one is left to the driver
    actor. While the images stream, Ray Data decodes them beside the training, and at least one core is left to it on
    one of the machines: a trainer that holds all cores waits for its first batch for ever. ``most_cpus`` keeps a worker
    to fewer cores, where several runs share the cluster.

    Raises
    ------
    UserError
        If the cluster cannot hold what is asked for.
    """
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers}: at least one worker has to train.")
    if gpus_per_worker is not None and gpus_per_worker < 0:
        raise UserError(f"--gpus-per-worker {gpus_per_worker:g}: this cannot be negative; 0 trains on the CPU.")
    if gpus_per_worker and not gpus:
        raise UserError(
            f"--gpus-per-worker {gpus_per_worker:g}, but there is no GPU here: leave it out to train on the CPU."
        )
    if workers is None:
        workers = int(gpus) if gpus and gpus_per_worker != 0 else 1
    if workers > max(cpus, 1):
        raise UserError(f"--workers {workers}, but the cluster has {cpus:g} CPU cores: choose at most {int(cpus)}.")
    if gpus_per_worker is None:
        sharing = -(-workers // int(gpus)) if gpus else 0
        gpus_per_worker = int(100 * (1 - DRIVER_GPU_SHARE) / sharing) / 100 if sharing else 0.0
    elif gpus_per_worker > 1 and gpus_per_worker != int(gpus_per_worker):
        raise UserError(f"--gpus-per-worker {gpus_per_worker:g}: above 1 it has to be a whole number.")

    cores = [node.cpus for node in nodes]
    if streaming:
        cores[cores.index(max(cores))] -= 1
    shares = [float(cpus) for cpus in range(int(max(cores)), 0, -1)] + [0.5, 0.25, 0.1, 0.01]
    if most_cpus is not None:
        shares = [most_cpus, *(share for share in shares if share < most_cpus)]
    for cpus_per_worker in shares:
        places = sum(
            places_on(free, node.gpus, cpus_per_worker, gpus_per_worker)
            for free, node in zip(cores, nodes, strict=True)
        )
        if places >= workers:
            break
    else:
        wanted = f"{workers} worker(s) with {gpus_per_worker:g} GPU each" + (
            " beside a streaming feed" if streaming else ""
        )
        raise UserError(
            f"{wanted} do not fit on {cpus:g} CPU cores and {gpus:g} GPUs: choose fewer --workers, or other "
            f"--gpus-per-worker{', or --feed resident' if streaming else ''}."
        )
    taken = workers * gpus_per_worker
    driver_gpus = DRIVER_GPU_SHARE if gpus and gpus - taken >= DRIVER_GPU_SHARE - 1e-9 else 0.0
    return Plan(workers, cpus_per_worker, gpus_per_worker, driver_gpus)


def available_cores() -> int:
    """Return how many cores this process may use: those it is bound to, no more than its container is granted."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def available_memory() -> float:
    """Return how many bytes of memory this process may still take: of the machine, and of its container if less."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = float(next(line.split()[1] for line in lines if line.startswith("MemAvailable"))) * 1024
    except (OSError, StopIteration):  # another system than Linux
        free = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) if hasattr(os, "sysconf") else math.inf
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        limit = float(Path("/sys/fs/cgroup/memory.max").read_text())
        free = min(free, limit - float(Path("/sys/fs/cgroup/memory.current").read_text()))
    return free


def places_on(cpus: float, gpus: float, cpus_per_worker: float, gpus_per_worker: float) -> int:
    """Return how many workers one machine can hold."""
    by_cpu = int(cpus / cpus_per_worker + 1e-9)
    if not gpus_per_worker:
        return by_cpu
    if gpus_per_worker >= 1:
        return min(by_cpu, int(gpus / gpus_per_worker + 1e-9))
    # A fraction of a GPU comes from one GPU; what is left over on several does not add up.
    return min(by_cpu, int(gpus) * int(1 / gpus_per_worker + 1e-9))
