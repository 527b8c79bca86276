"""A map of vectors in two dimensions."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from raycluster.graph.neighbors.nearest import NeighborIndex

COMPONENTS = 50
LANDMARKS = 10_000  # rows placed by t-SNE, whose time grows faster than linearly
PERPLEXITY = 30
# scikit-learn's default of 1,000 takes twice as long. Of the 10 nearest rows, the map keeps as many: .561 instead of
# .563 in embeddings of digits, .584 instead of .585 in their pixels, .506 instead of .508 in 3,000 images of USPS.
ITERATIONS = 500
NEAREST = 3


def project(vectors: np.ndarray, seed: int = 0, landmarks: int = LANDMARKS) -> np.ndarray:
    """Place vectors in two dimensions, so that similar ones lie close together.

    t-SNE places the first 50 principal components. Of more rows than ``landmarks`` it places a random sample of that
    size, and every other row goes to the mean position of its three nearest rows in the sample, weighted by their
    inverse squared distances. The same seed and number of threads give the same map.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    seed : int
    landmarks : int
        At least 4.

    Returns
    -------
    places : ndarray of float32, shape (n, 2)
    """
    n, d = vectors.shape
    if n < 4:  # too few for t-SNE
        return np.column_stack([np.arange(n), np.zeros(n)]).astype(np.float32)
    reduced = vectors
    if d > COMPONENTS:
        pca = PCA(min(COMPONENTS, n), svd_solver="full" if n < d else "covariance_eigh")
        reduced = pca.fit_transform(vectors).astype(np.float32)
    placed = np.sort(np.random.default_rng(seed).permutation(n)[:landmarks])
    init = "pca" if reduced.shape[1] > 1 else "random"
    tsne = TSNE(perplexity=min(PERPLEXITY, (len(placed) - 1) / 3), random_state=seed, init=init, max_iter=ITERATIONS)
    places = np.empty((n, 2), np.float32)
    places[placed] = tsne.fit_transform(reduced[placed])
    others = np.setdiff1d(np.arange(n), placed)
    if len(others):
        index = NeighborIndex(reduced[placed], NEAREST, n_queries=len(others))
        near, squared = index.of(reduced[others])
        weights = 1 / np.maximum(squared, 1e-12)
        weights /= weights.sum(axis=1, keepdims=True)
        places[others] = (places[placed][near] * weights[:, :, None]).sum(axis=1)
    return places
