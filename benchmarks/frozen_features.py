"""JULE and ConCURL on frozen features: does a trained head beat the graph on the features themselves?

    python benchmarks/frozen_features.py umist.npy emoji.npy cifar.npy | tee benchmarks/frozen_features.txt

Every source is an array of features, float [n, d], with the classes beside it (``umist_labels.npy``, int [n]). K is the
true number of classes. Labels are used for nothing else but the scores.

What the table in frozen_features.txt shows. (All features are those of EfficientNet-Lite0, 160 pixels, whole images:
umist; emoji by the 10 categories, and emoji-fine by the 99 subcategories of npm's emoji-datasource-twitter; cifar, the
test set after JPEG; usps, its last 2,007; digits, scikit-learn's.)

- "head, principal" is what ``raycluster train jule --backbone`` does. It was chosen among some twenty variants, most
  with one seed, by their scores on umist, emoji and 2,000 rows of cifar, where it is therefore seen at its best. Some
  of the others were also run on usps, emoji-fine and all of cifar. Nothing was tried on digits before.
- "heads, ConCURL" is what ``raycluster train concurl --preset frozen --backbone`` does: k-means on its projection.
- "umap + hdbscan" (30 neighbors, 10 dimensions, cosine; clusters of at least n / (10 K) rows) and "evoc" choose the
  number of clusters themselves; the rows that they leave out count as one cluster of their own.
- What lost, for JULE: heads that start from random weights, on features as they are, centered or standardized; a
  hidden layer, alone or beside the features; a neighbor of each row as its second view; dropout; other margins,
  learning rates and numbers of epochs. As good but slow: a square layer that starts from the identity.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import tyro
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.manifold import spectral_embedding
from sklearn.neighbors import kneighbors_graph

from raycluster.data.feed import ResidentFeed
from raycluster.graph import default_n_neighbors
from raycluster.methods.concurl.frozen import find_partners, train_on_features
from raycluster.methods.concurl.settings import PRESETS
from raycluster.methods.jule.clustering import recluster
from raycluster.methods.jule.head import FeatureHead
from raycluster.methods.jule.settings import JuleSettings
from raycluster.methods.jule.train import take_turns
from raycluster.metrics.kmeans import kmeans
from raycluster.metrics.quality import clustering_quality
from raycluster.training.local_context import LocalContext

SETTINGS = JuleSettings(rotation=0.0, shift=0.0, zoom=0.0)
FROZEN = replace(PRESETS["frozen"], evaluate_every=1000)  # once, at the end


def measure(
    data: str,
    features: np.ndarray,
    labels: np.ndarray,
    name: str,
    method: Callable[[np.ndarray, int, int], np.ndarray],
    seeds: int,
) -> None:
    n_clusters = len(np.unique(labels))
    started = time.process_time()
    answers = [method(features, n_clusters, seed) for seed in range(seeds)]
    seconds = (time.process_time() - started) / seeds
    quality = [clustering_quality(labels, answer) for answer in answers]
    cells = []
    for score in ("nmi", "acc", "ari"):
        values = [row[score] for row in quality]
        cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
    n, d = features.shape
    print(f"{data[:12]:12} {n:7,} {d:6,} {n_clusters:4}  {name:16} {'  '.join(cells)} {seconds:8.1f}", flush=True)


def by_kmeans(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    return kmeans(features, n_clusters, seed).labels


def by_spectral(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """scikit-learn's spectral clustering, on as many neighbors as our graph has."""
    graph = kneighbors_graph(features, default_n_neighbors(len(features)))
    embedding = spectral_embedding((graph + graph.T) / 2, n_components=n_clusters, drop_first=False, random_state=seed)
    return KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(embedding)


def by_graph(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    return recluster(features, n_clusters, SETTINGS).labels


def by_untrained_head(
    features: np.ndarray, n_clusters: int, seed: int, new_head: Callable[[np.ndarray, int], FeatureHead]
) -> np.ndarray:
    """The graph on the embedding that a head starts from: what is not due to training."""
    with torch.inference_mode():
        return recluster(new_head(features, seed)(torch.from_numpy(features)).numpy(), n_clusters, SETTINGS).labels


def by_head(
    features: np.ndarray,
    n_clusters: int,
    seed: int,
    new_head: Callable[[np.ndarray, int], FeatureHead],
) -> np.ndarray:
    """JULE, as ``raycluster train jule --backbone`` has it."""
    feed = ResidentFeed(features[:, :, None, None], seed=seed)
    context, head = LocalContext(feed, seed=seed), new_head(features, seed)
    rows = lambda images: images[:, :, 0, 0]  # noqa: E731
    return take_turns(SETTINGS, n_clusters, context, feed, head, "features", rows).clusterings["rc"]


def by_evoc(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """EVoC, which is made for embeddings."""
    from evoc import EVoC

    return np.asarray(EVoC(random_state=seed).fit_predict(features))


def by_umap_hdbscan(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """HDBSCAN on a UMAP of few dimensions, as is usual for embeddings."""
    from umap import UMAP

    few = UMAP(n_neighbors=30, min_dist=0.0, n_components=10, metric="cosine", random_state=seed, n_jobs=1)
    fewest = max(5, len(features) // (10 * n_clusters))
    return np.asarray(HDBSCAN(min_cluster_size=fewest, copy=True).fit_predict(few.fit_transform(features)))


def by_concurl_heads(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """ConCURL, as ``raycluster train concurl --preset frozen --backbone`` has it."""
    known = find_partners(features, FROZEN.partners)
    context = LocalContext(ResidentFeed(features[:, :, None, None], seed=seed), seed=seed)
    outcome, _ = train_on_features(FROZEN, n_clusters, context, known)
    return outcome.clusterings[outcome.reported]


def random_head(features: np.ndarray, seed: int) -> FeatureHead:
    """A head with the initial weights of JULE's last layer."""
    torch.manual_seed(seed)
    head = FeatureHead(features.shape[1])
    torch.nn.init.normal_(head.weight, std=0.01)
    torch.nn.init.zeros_(head.bias)
    return head


def principal_head(features: np.ndarray, seed: int) -> FeatureHead:
    """A head as it is by default."""
    head = FeatureHead(features.shape[1])
    head.start_from(features)
    return head


METHODS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "k-means": by_kmeans,
    "graph": by_graph,
    "graph, principal": partial(by_untrained_head, new_head=principal_head),
    "graph, random": partial(by_untrained_head, new_head=random_head),
    "head, principal": partial(by_head, new_head=principal_head),
    "head, random": partial(by_head, new_head=random_head),
    "heads, ConCURL": by_concurl_heads,
    "spectral": by_spectral,
    "evoc": by_evoc,
    "umap + hdbscan": by_umap_hdbscan,
}


@dataclass
class Options:
    """What to measure."""

    sources: tyro.conf.Positional[tuple[Path, ...]]
    """Arrays of features, .npy, each with the classes in a file of the same name that ends in _labels.npy."""
    seeds: int = 3
    """How many seeds."""
    methods: tuple[str, ...] = tuple(METHODS)
    """Which methods."""


def main(options: Options) -> None:
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread")
    print("data               n      d    K  method           NMI            ACC            ARI              CPU s")
    for source in options.sources:
        features = np.load(source).astype(np.float32)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        labels = np.load(source.with_name(f"{source.stem}_labels.npy"))
        by_graph(features[:500], 2, 0)  # compiles
        for name in options.methods:
            measure(source.stem, features, labels, name, METHODS[name], options.seeds)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
