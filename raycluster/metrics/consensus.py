"""How well clusterings that were found in different ways agree: a score that needs no labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.metrics.kmeans import kmeans

SAMPLE = 3_000
VARIANTS = 3  # seeds, and random projections
STARTS = 5  # of each k-means; the best one is kept


def agreements(clusterings: list[np.ndarray]) -> np.ndarray:
    """Return the adjusted Rand index of every pair of clusterings (int [n] each), float64 [m, m], ones on the diagonal.

    The index is 1 for identical clusterings, however their clusters are numbered, and 0 on average for random ones.
    """
    indices = np.eye(len(clusterings))
    for (i, first), (j, second) in combinations(enumerate(clusterings), 2):
        indices[i, j] = indices[j, i] = adjusted_rand_score(first, second)
    return indices


def support(clusterings: dict[str, np.ndarray], spaces: dict[str, str]) -> dict[str, float]:
    """Return how well each clustering in ``spaces`` agrees with those from other spaces; 1 if there are no others.

    The agreement with another space is the mean agreement with the clusterings made from it, and the result is the
    mean over the other spaces. Clusterings from the same space agree anyway, so together they have one vote.

    Parameters
    ----------
    clusterings : dict of str to ndarray of int, shape (n,)
    spaces : dict of str to str
        The space that each clustering was made from.
    """
    names = list(spaces)
    table = agreements([clusterings[name] for name in names])
    support_of = {}
    for i, name in enumerate(names):
        others = {space for space in spaces.values() if space != spaces[name]}
        votes = [np.mean([table[i, j] for j, other in enumerate(names) if spaces[other] == space]) for space in others]
        support_of[name] = float(np.mean(votes)) if votes else 1.0
    return support_of


def consensus_score(features: np.ndarray, n_clusters: int, seed: int = 0) -> dict[str, float]:
    """Cluster features in several ways and return how well the results agree; no labels are involved.

    The ways are k-means with several seeds, and k-means and graph degree linkage on the features and on random
    projections to half as many dimensions. Where clusters are clear, all of these find the same ones. The score does
    not say whether the clusters match known classes, and a network with few distinct outputs scores well too.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
        If there are more than 3,000 rows, a random sample of them is used.
    n_clusters : int
    seed : int

    Returns
    -------
    dict
        Mean adjusted Rand indices: between ``seeds`` of k-means, between ``projections`` with the same algorithm,
        between ``algorithms`` on the same projection, and ``consensus``, the mean of these three.
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
    parts = {
        "seeds": _mean_of_pairs(seeds),
        "projections": (_mean_of_pairs(centroid) + _mean_of_pairs(graph)) / 2,
        "algorithms": float(np.mean([adjusted_rand_score(a, b) for a, b in zip(centroid, graph, strict=True)])),
    }
    return {"consensus": float(np.mean(list(parts.values())))} | parts


def _mean_of_pairs(clusterings: list[np.ndarray]) -> float:
    return float(agreements(clusterings)[np.triu_indices(len(clusterings), 1)].mean())
