"""How the cluster's CPU cores and GPUs are shared among training workers, Ray Data and the driver actor."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from raycluster.errors import UserError
from raycluster.runtime.units import count

DRIVER_GPU_SHARE = 0.1
Workers = int | tuple[int, int]  # their number, or the fewest and the most


@dataclass(frozen=True)
class Node:
    """The cores and GPUs of one machine of the cluster."""

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What is requested from Ray.

    Attributes
    ----------
    workers : int
        Their number, or the smallest one that will do.
    cpus_per_worker, gpus_per_worker : float
    driver_gpus : float
        The share of a GPU on which the driver actor builds its graphs; 0 if there is none to spare.
    most_workers : int, optional
        Up to how many there may be, where the number follows the machines.
    """

    workers: int
    cpus_per_worker: float
    gpus_per_worker: float
    driver_gpus: float
    most_workers: int | None = None

    def __str__(self) -> str:
        cores = f"{self.cpus_per_worker:g} CPU {'core' if self.cpus_per_worker == 1 else 'cores'}"
        gpus = f" and {self.gpus_per_worker:g} GPU" if self.gpus_per_worker else ""
        workers = (
            f"{self.workers} to {self.most_workers} workers" if self.most_workers else count(self.workers, "worker")
        )
        each = " each" if workers != "1 worker" else ""
        return f"{workers} with {cores}{gpus}{each}"


def parse_workers(workers: int | str | None) -> Workers | None:
    """Return a number as it is, and a text such as ``1:4`` as the fewest and the most.

    Raises
    ------
    UserError
        If it is another text.
    """
    if not isinstance(workers, str):
        return workers
    fewest, most = map(int, workers.split(":")) if re.fullmatch(r"\d+:\d+", workers) else (0, 0)
    if not 1 <= fewest <= most:
        raise UserError(f"--workers {workers}: choose a number, or the fewest and the most, such as 1:4.")
    return fewest, most


def plan_resources(
    nodes: list[Node],
    workers: Workers | None = None,
    gpus_per_worker: float | None = None,
    streaming: bool = False,
    most_cpus: float | None = None,
) -> Plan:
    """Choose the number of workers if it is not given, and divide all cores among them.

    The default is one worker per GPU, or a single one without GPUs. With GPUs, a tenth of one is left to the driver
    actor. While images are streamed, Ray Data decodes them alongside the training, and needs at least one core on one
    of the machines: a trainer that holds every core would wait for its first batch forever.

    Where the number of workers follows the machines, each gets as much as if there were one for each GPU, or without
    GPUs one for each machine, and at least a whole core, because Ray Train counts in whole cores.

    Parameters
    ----------
    nodes : list of Node
    workers : int or (int, int), optional
        Their number, or the fewest and the most.
    gpus_per_worker : float, optional
    streaming : bool
    most_cpus : float, optional
        An upper limit on the cores of a worker, for runs that share the cluster with others.

    Raises
    ------
    UserError
        If the cluster cannot provide what was requested.
    """
    if isinstance(workers, tuple):
        return _plan_range(nodes, *workers, gpus_per_worker, streaming, most_cpus)
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers}: choose at least 1.")
    if gpus_per_worker is not None and not 0 <= gpus_per_worker < math.inf:
        raise UserError(f"--gpus-per-worker {gpus_per_worker:g}: choose 0, which trains on the CPU, or more.")
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
        raise UserError(f"--gpus-per-worker {gpus_per_worker:g}: above 1, choose a whole number.")

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
        beside = " next to a streaming feed" if streaming else ""
        raise UserError(
            f"{cpus:g} CPU cores and {gpus:g} GPUs have no room for {count(workers, 'worker')} with "
            f"{gpus_per_worker:g} GPU each{beside}: choose fewer --workers, or another "
            f"--gpus-per-worker{', or --feed resident' if streaming else ''}."
        )
    taken = workers * gpus_per_worker
    driver_gpus = DRIVER_GPU_SHARE if gpus and gpus - taken >= DRIVER_GPU_SHARE - 1e-9 else 0.0
    return Plan(workers, cpus_per_worker, gpus_per_worker, driver_gpus)


def _plan_range(
    nodes: list[Node],
    fewest: int,
    most: int,
    gpus_per_worker: float | None,
    streaming: bool,
    most_cpus: float | None,
) -> Plan:
    gpus = sum(node.gpus for node in nodes) if gpus_per_worker != 0 else 0
    now = max(fewest, min(most, int(gpus) or len(nodes)))
    plan = plan_resources(nodes, now, gpus_per_worker, streaming, most_cpus)
    if plan.cpus_per_worker < 1:
        beside = " beside a streaming feed" if streaming else ""
        raise UserError(
            f"--workers {fewest}:{most} needs a whole core for each of {count(now, 'worker')}{beside}: choose fewer."
        )
    return replace(plan, workers=fewest, most_workers=most)


def has_room(nodes: list[Node], plan: Plan) -> bool:
    """Return whether the workers of a plan fit on these machines."""
    each = plan.cpus_per_worker, plan.gpus_per_worker
    return sum(places_on(node.cpus, node.gpus, *each) for node in nodes) >= plan.workers


def places_on(cpus: float, gpus: float, cpus_per_worker: float, gpus_per_worker: float) -> int:
    """Return how many workers one machine can hold."""
    by_cpu = int(cpus / cpus_per_worker + 1e-9)
    if not gpus_per_worker:
        return by_cpu
    if gpus_per_worker >= 1:
        return min(by_cpu, int(gpus / gpus_per_worker + 1e-9))
    # A fraction of a GPU comes from one GPU; what is left over on several does not add up.
    return min(by_cpu, int(gpus) * int(1 / gpus_per_worker + 1e-9))
