"""How far clusterings agree that were found in different ways: a score of a run that needs no labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.metrics.kmeans import kmeans

SAMPLE = 3_000
VARIANTS = 3  # seeds, and random projections
STARTS = 5  # of each k-means, the best of which counts


def agreements(clusterings: list[np.ndarray]) -> np.ndarray:
    """Return the adjusted Rand index of every pair of clusterings (int [n] each), float64 [m, m], ones on the diagonal.

    It is 1 for equal clusterings, whatever their clusters are called, and 0 on average for random ones.
    """
    found = np.eye(len(clusterings))
    for (i, first), (j, second) in combinations(enumerate(clusterings), 2):
        found[i, j] = found[j, i] = adjusted_rand_score(first, second)
    return found


def support(clusterings: dict[str, np.ndarray], spaces: dict[str, str]) -> dict[str, float]:
    """Return how far each clustering of ``spaces`` is confirmed by those from other spaces; 1 where there are none.

    That is its mean agreement with each other space, and this the mean agreement with the clusterings from there: two
    readings of one and the same space agree anyway, and have one vote together.

    Parameters
    ----------
    clusterings : dict of str to ndarray of int, shape (n,)
    spaces : dict of str to str
        What each clustering was made from.
    """
    names = list(spaces)
    table = agreements([clusterings[name] for name in names])
    found = {}
    for i, name in enumerate(names):
        others = {space for space in spaces.values() if space != spaces[name]}
        votes = [np.mean([table[i, j] for j, other in enumerate(names) if spaces[other] == space]) for space in others]
        found[name] = float(np.mean(votes)) if votes else 1.0
    return found


def consensus_score(features: np.ndarray, n_clusters: int, seed: int = 0) -> dict[str, float]:
    """Cluster features in several ways, and return how far these agree; no labels come into it.

    The ways are k-means from several seeds, and k-means and graph degree linkage on the features and on random
    projections to half as many dimensions. Where there are clear clusters all find the same. It says nothing of whether
    clusters are those of known classes, and a network that gives few distinct outputs scores well too.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
        Of more than 3,000 rows, a random sample is taken.
    n_clusters : int
    seed : int

    Returns
    -------
    dict
        Mean adjusted Rand indices: ``seeds`` of k-means, ``projections`` within each algorithm, ``algorithms`` on the
        same projection, and ``consensus``, the mean of these three.
    """
    rng = np.random.default_rng(seed)
    if len(features) > SAMPLE:
        features = features[np.sort(rng.choice(len(features), max(SAMPLE, n_clusters), replace=False))]
    d = features.shape[1]
    half = max(1, d // 2)
    spaces = [features, *(features @ (rng.standard_normal((d, half)) / half**0.5) for _ in range(VARIANTS))]
    seeds = [kmeans(features, n_clusters, seed + i, starts=STARTS).labels for i in range(VARIANTS)]
    centroid = [kmeans(space, n_clusters, seed, starts=STARTS).labels for space in spaces]
    graph = [GraphDegreeLinkage(n_clusters).fit_predict(space.astype(np.float32)) for space in spaces]
    found = {
        "seeds": _mean_of_pairs(seeds),
        "projections": (_mean_of_pairs(centroid) + _mean_of_pairs(graph)) / 2,
        "algorithms": float(np.mean([adjusted_rand_score(a, b) for a, b in zip(centroid, graph, strict=True)])),
    }
    return {"consensus": float(np.mean(list(found.values())))} | found


def _mean_of_pairs(clusterings: list[np.ndarray]) -> float:
    return float(agreements(clusterings)[np.triu_indices(len(clusterings), 1)].mean())
