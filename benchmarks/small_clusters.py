"""What it changes that small clusters make room for larger ones: the same merge trees, cut in different ways.

    python benchmarks/small_clusters.py --usps usps.npz --umist umist/ --mnist mnist/ > benchmarks/small_clusters.txt

Pixels, with the default graph and the published one; all classes alike, and every second class with a tenth of its
images. With ``--features``, also tables of vectors: NAME.npy with NAME_labels.npy. Labels are used for the scores only.
A plain limit means: go down the tree until K clusters have that share of n/K rows each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tyro
from sklearn.datasets import load_digits

from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.reading import Reading
from raycluster.graph import small_clusters
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.graph.tree import MergeTree
from raycluster.methods.jule.clustering import pixel_rows
from raycluster.methods.jule.settings import PRESETS
from raycluster.metrics.quality import clustering_quality

LIMITS = (0.1, 0.25)  # of n/K rows
SHARES = (0.03, 0.05, 0.08, 0.2)  # CLEAR, and others
MNIST = 4000  # images


def main(
    usps: str | None = None,
    umist: str | None = None,
    mnist: str | None = None,
    features: tuple[Path, ...] = (),
) -> None:
    """Print the scores of every set.

    Parameters
    ----------
    usps, umist, mnist
        Sources of images with labels.
    features
        Tables of vectors.
    """
    names = ["plain cut", *(f"limit {limit:g}" for limit in LIMITS), *(f"{share:.0%}" for share in SHARES)]
    print(f"{'data':22}{'rows':>7}" + "".join(f"{name:>15}" for name in names))
    sets = {"digits": (np.rint(load_digits().images * (255 / 16)).astype(np.uint8), load_digits().target)}
    for name, source in (("USPS", usps), ("UMIST", umist), ("MNIST-test", mnist)):
        if source:
            reading = Reading("folders" if name == "UMIST" else "auto")
            images = load_images(open_images(source, reading, CanvasSettings((56, 46)) if name == "UMIST" else None))
            assert images.labels is not None
            keep = np.arange(images.n)
            if name == "MNIST-test":
                keep = np.sort(np.random.default_rng(0).permutation(images.n)[:MNIST])
            sets[name] = images.pixels[keep], images.labels[keep]
    for name, (pixels, labels) in sets.items():
        for presets, kind in ((("default", "paper"), ""), (("default",), " 10:1")):
            keep = np.arange(len(labels)) if not kind else rare_classes(labels)
            for preset in presets if name != "UMIST" or not kind else ():
                title = f"{name}{kind}{' paper' if preset == 'paper' else ''}"
                measure(title, pixel_rows(pixels[keep]), labels[keep], PRESETS[preset])
    for path in features:
        rows, labels = np.load(path), np.load(path.with_name(f"{path.stem}_labels.npy"))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        measure(f"{path.stem}, features", rows, np.unique(labels, return_inverse=True)[1], GraphSettings())


def rare_classes(labels: np.ndarray) -> np.ndarray:
    """Return the rows, ascending, of every second class, and of a tenth of the others, drawn at random."""
    generator = np.random.default_rng(0)
    parts = []
    for number, label in enumerate(np.unique(labels)):
        rows = generator.permutation(np.flatnonzero(labels == label))
        parts.append(rows[: len(rows) // 10] if number % 2 else rows)
    return np.sort(np.concatenate(parts))


def measure(title: str, rows: np.ndarray, labels: np.ndarray, settings: GraphSettings) -> None:
    """Print a line of scores."""
    k = len(np.unique(labels))
    tree, _, _ = settings.build_tree(*nearest_neighbors(rows, settings.neighbors_of(len(rows))), rows)
    found = [tree.cut(k), *(cut_by_size(tree, k, limit, rows) for limit in LIMITS)]
    for share in SHARES:
        small_clusters.CLEAR = share
        found.append(tree.partition(k, rows).labels)
    scores = [clustering_quality(labels, clusters) for clusters in found]
    cells = [f"{q['nmi_geometric']:.3f} / {q['acc']:.3f}".replace("0.", ".") for q in scores]
    print(f"{title:22}{len(rows):>7,}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def cut_by_size(tree: MergeTree, k: int, limit: float, rows: np.ndarray) -> np.ndarray:
    """Return K clusters with at least ``limit`` of n/K rows each; all other rows join the nearest of them."""
    for finer in range(k, len(rows) // 2):
        labels = tree.cut(finer)
        sizes = np.bincount(labels)
        large = np.flatnonzero(sizes >= limit * len(rows) / k)
        if len(large) == k:
            centroids = np.stack([rows[labels == cluster].mean(axis=0) for cluster in large])
            number = np.full(finer, -1)
            number[large] = np.arange(k)
            for cluster in np.flatnonzero(number < 0):
                distances = ((centroids - rows[labels == cluster].mean(axis=0)) ** 2).sum(axis=1)
                number[cluster] = distances.argmin()
            return number[labels]
    return tree.cut(k)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
