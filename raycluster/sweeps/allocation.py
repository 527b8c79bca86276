"""How a sweep shares the cores and GPUs of the cluster among its trials."""

from __future__ import annotations

from dataclasses import dataclass, replace

from raycluster.errors import UserError
from raycluster.options import SweepOptions
from raycluster.runtime.resources import Node, places_on


@dataclass(frozen=True)
class Allocation:
    """How the cluster is shared out: trials at a time, and the cores and the part of a GPU that each of them has."""

    at_a_time: int
    cpus: float
    gpus: float


def allocate(nodes: list[Node], options: SweepOptions, trials: int, cores: int | None = None) -> Allocation:
    """Share the cluster's cores and GPUs among trials, so that none waits forever and no core runs two threads.

    Parameters
    ----------
    nodes : list of Node
    options : SweepOptions
    trials : int
        How many there are in all, done or not: sums that are split among another number of threads are rounded
        differently, and a sweep that was interrupted must not end with other results.
    cores : int, optional
        The cores of this machine, if a private Ray assumes that there are more.

    Raises
    ------
    UserError
        If that is not possible.
    """
    nodes = [replace(node, cpus=cores or int(node.cpus)) for node in nodes]
    share = _gpus_of_trial(nodes, options.gpus_per_trial)

    def places(cpus: float) -> int:
        return sum(places_on(node.cpus, node.gpus, cpus, share) for node in nodes)

    cpus, gpus = int(sum(node.cpus for node in nodes)), sum(node.gpus for node in nodes)
    most = places(1) // (options.workers or 1)
    here = f"{gpus:g} GPUs and {cpus} CPU cores" if share else f"{cpus} CPU cores"
    if not most:
        raise UserError(f"No trial fits on {here}: choose fewer --workers, or another --gpus-per-trial.")
    at_a_time = options.max_concurrent or most
    if at_a_time > most:
        raise UserError(f"--max-concurrent {at_a_time}, but there are {here}: choose at most {most}.")
    at_a_time = min(at_a_time, trials)
    if options.workers:
        # The workers of a trial take the cores, and the trial itself next to nothing; one core is left to Ray Data.
        free = max(1, cpus - 1) / (at_a_time * options.workers)
        return Allocation(at_a_time, float(int(free)) if free >= 1 else max(0.01, int(free * 100) / 100), share)
    # The largest number of cores with which that many trials fit on the machines.
    return Allocation(at_a_time, next(float(c) for c in range(cpus, 0, -1) if places(c) >= at_a_time), share)


def _gpus_of_trial(nodes: list[Node], asked: float | None) -> float:
    """Return the share of a GPU that each trial gets."""
    gpus = sum(node.gpus for node in nodes)
    share = float(bool(gpus)) if asked is None else asked
    if not share >= 0 or (share > 1 and share % 1):
        raise UserError(f"--gpus-per-trial {share:g}: choose a fraction of one, a whole number, or 0.")
    if share and not gpus:
        raise UserError(f"--gpus-per-trial {share:g}, but there is no GPU here: leave it out to train on the CPU.")
    if share > max(node.gpus for node in nodes):
        raise UserError(f"--gpus-per-trial {share:g}, but no machine has as many.")
    return share
