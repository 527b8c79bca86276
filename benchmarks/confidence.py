"""Does the confidence of an assignment tell right from wrong? AUROC over all images of sets with known classes.

    python benchmarks/confidence.py run usps.npz --how pixels jule --seeds 0 1 2
    python benchmarks/confidence.py run usps.npz --how dccm concurl --most 600
    python benchmarks/confidence.py run features/emoji.npy --how features
    python benchmarks/confidence.py table

An image is right if its class is the most frequent one of its cluster. K is the number of classes, which are used for
nothing else. The measure's ridge and temperature were chosen on these sets, all together.

Clusters are those of the graph on raw pixels, of JULE (η is 0.2 where there are more than 10 classes), of DCCM and
ConCURL with the preset cpu (the latter for 6 epochs), or of the graph on features, a .npy file with the classes in
..._labels.npy. Every line of the table is appended to the results file; those that stand there are not repeated.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import ray
import torch
import tyro
from records import Table, append_record, is_of, machine, machines_of, read_records, short
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from raycluster.data.feed import ResidentFeed
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.reading import Reading
from raycluster.graph.neighbors.nearest import find_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.methods.base import Outcome
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.concurl.settings import PRESETS as CONCURL
from raycluster.methods.concurl.train import train_concurl
from raycluster.methods.dccm.settings import PRESETS as DCCM
from raycluster.methods.dccm.train import train_dccm
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.methods.jule.settings import JuleSettings
from raycluster.methods.jule.train import train_jule
from raycluster.metrics.confidence import confidence_of
from raycluster.metrics.health import neighbor_agreement
from raycluster.training.local_context import LocalContext

RESULTS = Path(__file__).with_name("confidence.jsonl")
EDGES = (0, 0.5, 0.7, 0.8, 0.9, 0.95, 1)
SIDE = 32  # pixels, of larger images that JULE is trained on, and of all that the others are
How = Literal["pixels", "jule", "dccm", "concurl", "features"]
MADE_BY: dict[str, str] = {
    "pixels": "the graph on pixels",
    "features": "the graph on features",
    "jule": "JULE",
    "dccm": "DCCM",
    "concurl": "ConCURL",
}
NAMES = {"t10k": "MNIST-test", "usps": "USPS", "umist": "UMIST", "cifar": "CIFAR-10, test"}
Clustered = tuple[np.ndarray, np.ndarray, np.ndarray]  # embeddings, clusters, and the confidence of earlier versions


@dataclass
class Run:
    """Cluster, and measure."""

    source: tyro.conf.Positional[str]
    """Images with classes: any source that jobs/train.py takes; or a .npy file of features."""
    how: tuple[How, ...] = ("pixels",)
    """What makes the clusters."""
    seeds: tuple[int, ...] = (0,)
    """One training each."""
    most: int = 2000
    """Images that a network is trained on, drawn once."""


def main(command: Run | Table) -> None:
    rows = read_records(RESULTS)
    if isinstance(command, Table):
        print_table(rows)
        return
    torch.set_num_threads(1)
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    for how in command.how:
        for seed in command.seeds if how in ("jule", "dccm", "concurl") else (0,):
            line = {"data": Path(command.source).stem.removesuffix("-*"), "how": how, "seed": seed}
            if any(is_of(row, line) for row in rows):
                continue
            line |= measure(*clustered(command, how, seed)) | machine()
            append_record(RESULTS, line)
            print(line, flush=True)


def measure(found: Clustered, labels: np.ndarray) -> dict[str, Any]:
    embeddings, clusters, before = found
    counts = np.zeros((clusters.max() + 1, labels.max() + 1))
    np.add.at(counts, (clusters, labels), 1)
    is_right = counts.argmax(axis=1)[clusters] == labels
    started = time.process_time()
    confidence = confidence_of(embeddings, clusters)
    seconds = time.process_time() - started
    at = np.minimum(np.searchsorted(EDGES, confidence, side="right"), len(EDGES) - 1) - 1
    return {
        "images": len(labels),
        "clusters": len(np.unique(clusters)),
        "before": float(roc_auc_score(is_right, before)),
        "now": float(roc_auc_score(is_right, confidence)),
        "right": float(is_right.mean()),
        "mean_before": float(before.mean()),
        "mean_now": float(confidence.mean()),
        "images_at": np.bincount(at, minlength=len(EDGES) - 1).tolist(),
        "right_at": np.bincount(at, weights=is_right, minlength=len(EDGES) - 1).tolist(),
        "cpu_seconds": round(seconds, 3),
    }


def clustered(command: Run, how: How, seed: int) -> tuple[Clustered, np.ndarray]:
    """Return what was clustered, and the classes, int64 [n]."""
    if how == "features":
        file = Path(command.source)
        rows, labels = np.load(file).astype(np.float32), np.load(file.with_name(f"{file.stem}_labels.npy"))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return by_neighbors(rows, by_graph(rows, labels)), labels
    pixels, labels = read(command.source, SIDE if how in ("dccm", "concurl") else None)
    if how == "pixels":
        rows = pixel_rows(pixels)
        return by_neighbors(rows, by_graph(rows, labels)), labels
    if max(pixels.shape[2:]) > SIDE:
        pixels, labels = read(command.source, SIDE)
    part = np.sort(np.random.default_rng(0).permutation(len(labels))[: command.most])
    labels, n_clusters = labels[part], len(np.unique(labels))
    feed = ResidentFeed(pixels[part], seed=seed)
    context = LocalContext(feed, seed=seed)
    if how == "jule":
        outcome = train_jule(JuleSettings(unroll_rate=0.2 if n_clusters > 10 else 0.9), n_clusters, context)
        return by_neighbors(outcome.embeddings, outcome.clusterings[outcome.reported]), labels
    if how == "dccm":
        return by_network(train_dccm(replace(DCCM["cpu"], flip=False), n_clusters, context), feed), labels
    brief = replace(CONCURL["cpu"], epochs=6, trunk="cifar_resnet18", flip=False)
    return by_network(train_concurl(brief, n_clusters, context), feed), labels


def read(source: str, side: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 [n, C, H, W], and their classes, int64 [n]."""
    canvas = CanvasSettings(side)
    images = load_images(open_images(source, canvas=canvas))
    if images.labels is None:
        images = load_images(open_images(source, Reading("folders"), canvas))
    assert images.labels is not None
    return images.pixels, images.labels


def by_graph(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return recluster(rows, len(np.unique(labels)), GraphSettings()).labels


def by_neighbors(embeddings: np.ndarray, clusters: np.ndarray) -> Clustered:
    """Confidence was the share of the K_s nearest neighbors in the same cluster."""
    neighbors, _, _ = find_neighbors(embeddings, GraphSettings().neighbors_of(len(embeddings)))
    return embeddings, clusters, neighbor_agreement(neighbors, clusters)


@torch.inference_mode()
def by_network(outcome: Outcome, feed: ResidentFeed) -> Clustered:
    """Confidence was the probability that the network gives the cluster."""
    net, clusters, shares = outcome.model, outcome.clusterings[outcome.reported], []
    for batch in feed.eval_batches(500):
        inputs = net.prepare(batch.images)
        if isinstance(net, ConcurlNet):
            cosines = net(inputs).nce @ F.normalize(net.nce_centroids, dim=1).T
            shares.append((cosines / CONCURL["cpu"].head_temperature).softmax(dim=1))
        else:
            shares.append(net(inputs).probabilities)
    return outcome.embeddings, clusters, torch.cat(shares).numpy()[np.arange(len(clusters)), clusters]


def print_table(rows: list[dict[str, Any]]) -> None:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: list(MADE_BY).index(row["how"])):
        groups.setdefault((row["data"], row["how"]), []).append(row)
    columns = ("before", "now", "right", "mean_before", "mean_now")
    means = [{name: np.mean([row[name] for row in runs]) for name in columns} for runs in groups.values()]
    print("| data | clusters of | images | K | AUROC before | AUROC now | right | mean before | mean now |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (data, how), runs, mean in zip(groups, groups.values(), means, strict=True):
        times = f", {len(runs)} seeds" if len(runs) > 1 else ""
        cells = " | ".join(short(mean[column]) for column in columns)
        name = f"{NAMES.get(data, data)} | {MADE_BY[how]}{times}"
        print(f"| {name} | {runs[0]['images']:,} | {runs[0]['clusters']} | {cells} |")
    cells = " | ".join(f"**{short(np.mean([mean[column] for mean in means]))}**" for column in columns)
    print(f"| **mean** | | | | {cells} |")
    cells = " | ".join(short(min(mean[column] for mean in means)) for column in columns[:2])
    print(f"| lowest | | | | {cells} | | | |")
    print("\n| confidence now | images | right | right, lowest line | right, highest line |")
    print("|---|---|---|---|---|")
    for at, (low, high) in enumerate(pairwise(EDGES)):
        counts = np.array([[row["images_at"][at], row["right_at"][at]] for row in rows])
        enough = counts[counts[:, 0] >= 20]
        shares = enough[:, 1] / enough[:, 0]
        print(
            f"| {short(low)} to {short(high)} | {counts[:, 0].sum():,.0f} | {short(shares.mean())} | "
            f"{short(shares.min())} | {short(shares.max())} |"
        )
    print("\nThe second table: means over the lines with at least 20 such images.")
    print(machines_of(rows))


if __name__ == "__main__":
    command: Any = Annotated[Run, tyro.conf.subcommand("run")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
