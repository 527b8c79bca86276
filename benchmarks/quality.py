"""Clustering quality over seeds: the graph on raw pixels against JULE's two results, in one table.

    python benchmarks/quality.py run usps.npz --name USPS --clusters 10
    python benchmarks/quality.py run faces/ --name UMIST --clusters 20 --labels folders --unroll-rate 0.2
    python benchmarks/quality.py table

Every run appends a line to the results file; runs that stand there already are not repeated. Labels are used to
compute the scores after a run and for nothing else.
"""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import ray
import torch
import tyro
from records import append_record, is_of, machine, machines_of, read_records

from raycluster.data.feed import ResidentFeed
from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.reading import Reading
from raycluster.methods.jule.settings import PRESETS, JuleSettings
from raycluster.methods.jule.train import train_jule
from raycluster.metrics.quality import clustering_quality
from raycluster.runtime.session import prepare_environment
from raycluster.training.local_context import LocalContext

RESULTS = Path(__file__).with_name("quality.jsonl")


@dataclass
class Training:
    """Train over several seeds, one thread each."""

    source: tyro.conf.Positional[str]
    """Images with labels: any source that jobs/train.py takes."""
    name: str
    """What the table calls the data."""
    clusters: int
    """K."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """One run each."""
    at_once: int | None = None
    """How many runs side by side. Default: one for each core, or one on a GPU."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where to train."""
    unroll_rate: float | None = None
    """η, if not that of the settings."""
    labels: Literal["auto", "folders"] = "auto"
    """Where the labels are."""


@dataclass
class Run(Training):
    """Train over several seeds, one thread each."""

    preset: Literal["default", "paper"] = "default"
    """Which settings."""


@dataclass
class Table:
    """Print what the results file holds, mean ± deviation over the seeds."""


def main(command: Run | Table) -> None:
    if isinstance(command, Table):
        print_table(read_records(RESULTS))
        return
    train_missing(command, {command.preset: PRESETS[command.preset]}, "preset", RESULTS)


def train_missing(command: Training, choices: dict[str, JuleSettings], kind: str, results: Path) -> None:
    """Train with each of some settings and each seed, unless a run of the same stands in the results file already.

    Parameters
    ----------
    command : Training
    choices : dict of str to JuleSettings
        Settings by name.
    kind : str
        What the results file calls the name.
    results : Path
    """
    done = read_records(results)
    prepare_environment()  # as every command does
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    images = load_images(open_images(command.source, Reading(command.labels)))
    if images.labels is None:
        raise SystemExit("This source has no labels, so there is nothing to measure.")
    pixels = ray.put(images.pixels)
    n_cores, n_gpus = os.cpu_count() or 1, int(command.device == "cuda")
    at_once = command.at_once or (1 if n_gpus else n_cores)
    once = train_once.options(num_cpus=n_cores / at_once, num_gpus=n_gpus / at_once)
    waiting = []
    for seed in command.seeds:
        for name, settings in choices.items():
            if command.unroll_rate:
                settings = replace(settings, unroll_rate=command.unroll_rate)
            key = {"data": command.name, kind: name, "device": command.device, "settings": asdict(settings)}
            if not any(is_of(row, key | {"seed": seed}) for row in done):
                waiting.append(once.remote(key, pixels, images.labels, settings, command.clusters, seed))
    while waiting:
        (finished,), waiting = ray.wait(waiting)
        row = ray.get(finished) | {"images": images.n}
        append_record(results, row)
        print(row["data"], row[kind], "seed", row["seed"], f"{row['wall_seconds']:.0f} s", row["quality"], flush=True)


@ray.remote(num_cpus=1)
def train_once(
    key: dict[str, Any], images: np.ndarray, labels: np.ndarray, settings: JuleSettings, n_clusters: int, seed: int
) -> dict[str, Any]:
    from torch.backends import cudnn  # Ray cannot send this module with the function

    torch.set_num_threads(1)
    cudnn.deterministic = True
    where = torch.device(key["device"])
    started, began = time.process_time(), time.perf_counter()
    feed = ResidentFeed(images.copy(), where, seed=seed)
    outcome = train_jule(settings, n_clusters, LocalContext(feed, where, seed=seed))
    seconds, wall = time.process_time() - started, time.perf_counter() - began
    quality = {name: clustering_quality(labels, found) for name, found in outcome.clusterings.items()}
    spent = {"cpu_seconds": round(seconds, 1), "wall_seconds": round(wall, 1)}
    return key | {"seed": seed, **spent, "quality": quality, **machine(key["device"])}


def newest(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Return the runs by data, preset and device, of the settings that each set was last trained with."""
    last = {(row["data"], row["preset"]): row["settings"] for row in rows}
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["settings"] == last[row["data"], row["preset"]]:
            groups[row["data"], row["preset"], row["device"]].append(row)
    return groups


def print_table(rows: list[dict[str, Any]]) -> None:
    groups = newest(rows)
    print(
        "| data | settings | graph on pixels | JULE-SF | JULE-RC | RC: NMI (arithmetic) / ARI | seeds "
        "| seconds a run | measured |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for (data, preset, device), runs in sorted(groups.items()):
        cells = [" / ".join(spread(runs, name, score) for score in ("nmi_geometric", "acc")) for name in CLUSTERINGS]
        cells.append(" / ".join(spread(runs, "rc", score) for score in ("nmi", "ari")))
        date = max(row["date"] for row in runs)
        kind = preset if are_present(runs[0]) else f"{preset}, former"
        print(f"| {data} | {kind} | {' | '.join(cells)} | {len(runs)} | {seconds(runs, device)} | {date} |")
    print("\nNMI (geometric) / ACC, mean ± standard deviation over seeds.")
    print(machines_of([row for runs in groups.values() for row in runs]))


def are_present(row: dict[str, Any]) -> bool:
    """Return whether a run has the settings of its preset as they are now, apart from η."""
    return row["settings"] == asdict(PRESETS[row["preset"]]) | {"unroll_rate": row["settings"]["unroll_rate"]}


def seconds(runs: list[dict[str, Any]], device: str) -> str:
    """Return how long a run takes on average."""
    if device == "cpu":
        return f"{np.mean([row['cpu_seconds'] for row in runs]):.0f} on one core"
    return f"{np.mean([row['wall_seconds'] for row in runs]):.0f} on a GPU"


CLUSTERINGS = ("pixels", "sf", "rc")


def spread(runs: list[dict[str, Any]], name: str, score: str) -> str:
    values = [row["quality"][name][score] for row in runs]
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return f"{np.mean(values):.3f} ± {deviation:.3f}".replace("0.", ".")


if __name__ == "__main__":
    command: Any = Annotated[Run, tyro.conf.subcommand("run")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
