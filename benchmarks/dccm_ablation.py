"""What each part of DCCM adds: the four models of the paper's ablation, in one table.

    python benchmarks/dccm_ablation.py run usps.npz --name USPS --clusters 10
    python benchmarks/dccm_ablation.py table

M1 is the pseudo-graph alone, without augmentation; M2 adds the augmentation, M3 the pseudo-labels, M4 the triplet
mutual information. Settings are those of ``--preset cpu`` for writing (no flip), for fewer epochs. Every run appends a
line to the results file; runs that stand there already are not repeated. Labels are used to compute the scores after an
epoch and for nothing else.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import ray
import torch
import tyro
from quality import spread
from records import append_record, is_of, machine, machines_of, read_records

from raycluster.data.feed import ResidentFeed
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.methods.dccm.settings import PRESETS, SIDES, DccmSettings
from raycluster.methods.dccm.train import train_dccm
from raycluster.metrics.quality import clustering_quality
from raycluster.training.local_context import LocalContext

RESULTS = Path(__file__).with_name("dccm_ablation.jsonl")
MODELS: dict[str, dict[str, Any]] = {
    "M1 pseudo-graph": {"alpha": 0.0, "beta": 0.0, "augment": False},
    "M2 + augmentation": {"alpha": 0.0, "beta": 0.0},
    "M3 + pseudo-labels": {"beta": 0.0},
    "M4 + mutual information": {},
}


@dataclass
class Run:
    """Train every model over several seeds, as many runs side by side as there are cores, one thread each."""

    source: tyro.conf.Positional[str]
    """Images with labels: any source that jobs/train.py takes."""
    name: str
    """What the table calls the data."""
    clusters: int
    """K."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """One run of each model each."""
    epochs: int = 4
    """Of each run."""


@dataclass
class Table:
    """Print what the results file holds, mean ± deviation over the seeds."""


def main(command: Run | Table) -> None:
    done = read_records(RESULTS)
    if isinstance(command, Table):
        print_table(done)
        return
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    images = load_images(open_images(command.source, canvas=CanvasSettings(square_sizes=SIDES)))
    if images.labels is None:
        raise SystemExit("This source has no labels, so there is nothing to measure.")
    pixels = ray.put(images.pixels)
    waiting = []
    for seed in command.seeds:
        for model, changes in MODELS.items():
            settings = replace(PRESETS["cpu"], flip=False, epochs=command.epochs, **changes)
            key = {"data": command.name, "model": model, "settings": asdict(settings), "seed": seed}
            if not any(is_of(row, key) for row in done):
                waiting.append(train_once.remote(key, pixels, images.labels, settings, command.clusters, seed))
    while waiting:
        (finished,), waiting = ray.wait(waiting)
        row = ray.get(finished) | {"images": images.n} | machine()
        append_record(RESULTS, row)
        print(row["data"], row["model"], "seed", row["seed"], f"{row['cpu_seconds']:.0f} s", row["quality"], flush=True)


@ray.remote(num_cpus=1)
def train_once(
    key: dict[str, Any], images: np.ndarray, labels: np.ndarray, settings: DccmSettings, n_clusters: int, seed: int
) -> dict[str, Any]:
    torch.set_num_threads(1)
    started = time.process_time()
    context = LocalContext(ResidentFeed(images.copy(), seed=seed), seed=seed, labels=labels)
    outcome = train_dccm(settings, n_clusters, context)
    quality = {name: clustering_quality(labels, found) for name, found in outcome.clusterings.items()}
    curve = [round(row["quality"]["acc"], 4) for row in context.rows if row["kind"] == "epoch"]
    return key | {"cpu_seconds": round(time.process_time() - started, 1), "quality": quality, "acc_by_epoch": curve}


def print_table(rows: list[dict[str, Any]]) -> None:
    print("| data | model | NMI (geometric) | ACC | ACC of each epoch, mean | epochs | seeds | CPU seconds a run |")
    print("|---|---|---|---|---|---|---|---|")
    for data, epochs in sorted({(row["data"], row["settings"]["epochs"]) for row in rows}):
        for model in MODELS:
            runs = [row for row in rows if (row["data"], row["model"]) == (data, model)]
            runs = [row for row in runs if row["settings"]["epochs"] == epochs]
            if not runs:
                continue
            scores = " | ".join(spread(runs, "population", score) for score in ("nmi_geometric", "acc"))
            curve = ", ".join(f"{acc:.2f}" for acc in np.mean([row["acc_by_epoch"] for row in runs], axis=0))
            seconds = np.mean([row["cpu_seconds"] for row in runs])
            print(f"| {data} | {model} | {scores} | {curve} | {epochs} | {len(runs)} | {seconds:.0f} |")
    print("\nMean ± standard deviation over seeds, last epoch; one thread a run.")
    print(machines_of(rows))


if __name__ == "__main__":
    command: Any = Annotated[Run, tyro.conf.subcommand("run")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
