"""How often is a run right about whether its training helped? Good, bad, untrained, and collapsed runs, at several K.

    python benchmarks/effect.py run digits usps.npz 'mnist/t10k-*' umist --features umist.npy emoji.npy usps.npy
    python benchmarks/effect.py run digits usps.npz --methods dccm concurl
    python benchmarks/effect.py table

Training helped if the clusters after it have a higher NMI with the classes than as many clusters of what it started
from, by the graph on pixels or on features. Differences up to 0.01 count as none. Known classes serve for nothing else;
the thresholds of raycluster.metrics.effect were chosen on these runs, on those of benchmarks/run_warnings.py, and on 42
others of JULE. Every run appends a line to the results file; those that stand there are not repeated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import ray
import torch
import tyro
from confidence import SIDE, read
from records import Table, append_record, is_of, machine, read_records, short

from raycluster.data.feed import ResidentFeed
from raycluster.graph.settings import GraphSettings
from raycluster.methods.base import Outcome
from raycluster.methods.concurl.settings import PRESETS as CONCURL
from raycluster.methods.concurl.train import train_concurl
from raycluster.methods.dccm.settings import PRESETS as DCCM
from raycluster.methods.dccm.train import train_dccm
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.methods.jule.head import FeatureHead
from raycluster.methods.jule.settings import PRESETS, JuleSettings
from raycluster.methods.jule.train import take_turns, train_jule
from raycluster.metrics.effect import Effect, effect_of_training
from raycluster.metrics.quality import clustering_quality
from raycluster.training.local_context import LocalContext

RESULTS = Path(__file__).with_name("effect.jsonl")
TIE = 0.01
SCORES = [field.name for field in fields(Effect)]
DEFAULT = PRESETS["default"]
JULE = {
    "default": DEFAULT,
    "paper": PRESETS["paper"],
    "untrained": replace(DEFAULT, epochs_per_period=1, rounds=0, learning_rate=1e-9),
    "learning rate 0.3": replace(DEFAULT, learning_rate=0.3),
    "rotation 180, shift 0.3": replace(DEFAULT, rotation=180.0, shift=0.3, zoom=0.5),
}
NETWORKS: dict[str, dict[str, Any]] = {
    "dccm": {"6 epochs": replace(DCCM["cpu"], flip=False, epochs=6), "2 epochs": replace(DCCM["cpu"], epochs=2)},
    "concurl": {"6 epochs": replace(CONCURL["cpu"], epochs=6, trunk="cifar_resnet18", flip=False)},
}


@dataclass
class Run:
    """Train, and compare the verdict with the classes."""

    sources: tyro.conf.Positional[tuple[str, ...]] = ()
    """Images with classes: any source that jobs/train.py takes."""
    methods: tuple[Literal["jule", "dccm", "concurl"], ...] = ("jule",)
    """What to train on them."""
    features: tuple[Path, ...] = ()
    """Arrays of features, .npy, with the classes in ..._labels.npy, for a head trained by JULE."""
    most: int = 800
    """Images that a network is trained on, drawn once."""


@dataclass(frozen=True)
class Planned:
    """A run: its name in the table, and what it trains on."""

    data: str
    method: str
    name: str
    settings: Any
    n_clusters: int
    inputs: np.ndarray
    labels: np.ndarray


def main(command: Run | Table) -> None:
    rows = read_records(RESULTS)
    if isinstance(command, Table):
        print_table(rows)
        return
    torch.set_num_threads(1)
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    for run in planned(command):
        line: dict[str, Any] = {"data": run.data, "method": run.method, "run": run.name, "clusters": run.n_clusters}
        if any(is_of(row, line) for row in rows):
            continue
        started = time.process_time()
        line |= {"images": len(run.labels), **outcome_of(run), "cpu_seconds": round(time.process_time() - started, 1)}
        append_record(RESULTS, line | machine())
        print(line, flush=True)


def planned(command: Run) -> Iterator[Planned]:
    for source in command.sources:
        for method in command.methods:
            images, labels = read(source, None if method == "jule" else SIDE)
            if max(images.shape[2:]) > SIDE:
                images, labels = read(source, SIDE)
            part = np.sort(np.random.default_rng(0).permutation(len(labels))[: command.most])
            data, k = Path(source).stem.removesuffix("-*"), len(np.unique(labels))
            kinds = JULE if method == "jule" else NETWORKS[method]
            for name, n_clusters in [*((kind, k) for kind in kinds), (next(iter(kinds)), k // 2)]:
                yield Planned(data, method, name, kinds[name], n_clusters, images[part], labels[part])
            if method == "jule":
                yield Planned(data, method, "default", DEFAULT, 2 * k, images[part], labels[part])
    for file in command.features:
        rows, labels = np.load(file).astype(np.float32), np.load(file.with_name(f"{file.stem}_labels.npy"))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        still = replace(DEFAULT, rotation=0.0, shift=0.0, zoom=0.0)
        k = len(np.unique(labels))
        for name, settings, n_clusters in (
            ("default", still, k),
            ("default", still, k // 2),
            ("default", still, 2 * k),
            ("learning rate 0.3", replace(still, learning_rate=0.3), k),
        ):
            yield Planned(file.stem, "jule, head on features", name, settings, n_clusters, rows, labels)


def outcome_of(run: Planned) -> dict[str, Any]:
    is_head = run.inputs.ndim == 2
    feed = ResidentFeed(run.inputs[:, :, None, None] if is_head else run.inputs)
    context = LocalContext(feed)
    outcome: Outcome
    if is_head:
        head = FeatureHead(run.inputs.shape[1])
        head.start_from(run.inputs)
        outcome = take_turns(
            run.settings, run.n_clusters, context, feed, head, "features", lambda rows: rows[:, :, 0, 0]
        )
    else:
        train: Any = {"jule": train_jule, "dccm": train_dccm, "concurl": train_concurl}[run.method]
        outcome = train(run.settings, run.n_clusters, context)
    rows = run.inputs if is_head else pixel_rows(run.inputs)
    after = outcome.clusterings["rc" if isinstance(run.settings, JuleSettings) else outcome.reported]
    graph = run.settings if isinstance(run.settings, GraphSettings) else GraphSettings()
    before = recluster(rows, run.n_clusters, graph).labels
    effect = effect_of_training(rows, outcome.embeddings, before, after)
    scores = [clustering_quality(run.labels, labels) for labels in (before, after)]
    return {
        "nmi": [score["nmi"] for score in scores],
        "acc": [score["acc"] for score in scores],
        **asdict(effect),
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    print(
        "| method | runs | training helped | no difference | it did not | right if it helped | right if not | "
        "NMI before | NMI after | NMI reported | worst loss |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for method in [*dict.fromkeys(row["method"] for row in rows), None]:
        some = [row for row in rows if method in (None, row["method"])]
        before, after = np.array([row["nmi"] for row in some]).T
        prefers = np.array([Effect(*(row[name] for name in SCORES)).helped for row in some])
        reported = np.where(prefers, after, before)
        helped, hurt = after > before + TIE, after < before - TIE
        cells = [len(some), helped.sum(), (~helped & ~hurt).sum(), hurt.sum()]
        cells += [f"{prefers[helped].sum()} of {helped.sum()}", f"{(~prefers[hurt]).sum()} of {hurt.sum()}"]
        cells += [short(values.mean()) for values in (before, after, reported)]
        cells += [short((np.maximum(before, after) - reported).max())]
        print(f"| {method or '**all**'} | {' | '.join(map(str, cells))} |")
    print("\n| the run said | runs | training helped | no difference | it did not |\n|---|---|---|---|---|")
    verdicts: dict[str, list[float]] = {}
    for row in rows:
        said, _, _ = Effect(*(row[name] for name in SCORES)).sentence("start").partition(":")
        verdicts.setdefault(said, []).append(row["nmi"][1] - row["nmi"][0])
    for said, found in sorted(verdicts.items()):
        gains = np.array(found)
        hurt, helped = int((gains < -TIE).sum()), int((gains > TIE).sum())
        print(f"| {said} | {len(gains)} | {helped} | {len(gains) - helped - hurt} | {hurt} |")


if __name__ == "__main__":
    command: Any = Annotated[Run, tyro.conf.subcommand("run")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
