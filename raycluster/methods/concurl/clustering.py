"""ConCURL's clusterings of all images, on the driver: four of them, and which one is reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from raycluster.methods.concurl.network import HEAD_SIZE, NCE_SIZE
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.metrics.consensus import consensus_score, support
from raycluster.metrics.health import embedding_health
from raycluster.metrics.kmeans import kmeans
from raycluster.nn.sinkhorn import sinkhorn

# The clusterings, and the space in which each is found.
CLUSTERINGS = {"nce_embeddings": "nce", "clust_head": "head", "outcode": "prototypes", "q_code": "prototypes"}


@dataclass(frozen=True)
class Clusterings:
    """All images clustered in four ways.

    Attributes
    ----------
    nce_embeddings, clust_head, outcode, q_code : ndarray of int32, shape (n,)
        By k-means on the NCE embedding, by k-means on the projection, by the nearest prototype, and by the highest
        assignment to a prototype after Sinkhorn balancing.
    nce_centroids, head_centroids : ndarray of float32, shapes (K, 128) and (K, 256)
    reported : int
        The index of the reported clustering in ``CLUSTERINGS``.
    support : ndarray of float64, shape (4,)
        How well each clustering agrees with those from other spaces.
    mean_cosine : float
        Between the NCE embeddings of random images.
    consensus, seeds, projections, algorithms : float
        From :func:`raycluster.metrics.consensus.consensus_score`.
    """

    nce_embeddings: np.ndarray
    clust_head: np.ndarray
    outcode: np.ndarray
    q_code: np.ndarray
    nce_centroids: np.ndarray
    head_centroids: np.ndarray
    reported: int
    support: np.ndarray
    mean_cosine: float
    consensus: float
    seeds: float
    projections: float
    algorithms: float

    def clusterings(self) -> dict[str, np.ndarray]:
        """Return the clusterings by name."""
        return {name: getattr(self, name) for name in CLUSTERINGS}

    @property
    def reported_name(self) -> str:
        """The name of the reported clustering."""
        return list(CLUSTERINGS)[self.reported]


def cluster_all(rows: np.ndarray, n_clusters: int, settings: ConcurlSettings, seed: int) -> Clusterings:
    """Cluster all images in four ways, choose one clustering to report, and measure how well they agree.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, 128 + 256 + K)
        NCE embeddings, projections and cosines to the prototypes, side by side.
    n_clusters : int
    settings : ConcurlSettings
    seed : int
    """
    nce, head, cosines = np.split(rows, [NCE_SIZE, NCE_SIZE + HEAD_SIZE], axis=1)
    on_nce, on_head = (kmeans(features, n_clusters, seed) for features in (nce, head))
    balanced = sinkhorn(torch.from_numpy(cosines.copy()), settings.epsilon, settings.sinkhorn_iterations)
    clusterings = {
        "nce_embeddings": on_nce.labels,
        "clust_head": on_head.labels,
        "outcode": cosines.argmax(axis=1).astype(np.int32),
        "q_code": balanced.argmax(dim=1).numpy().astype(np.int32),
    }
    supported = dict.fromkeys(CLUSTERINGS, 0.0) | support(clusterings, trained_spaces(settings))
    reported: str = settings.cluster_on or ("nce_embeddings" if settings.beta else "consensus")
    if reported == "consensus":
        reported = max(supported, key=supported.__getitem__)
    agreement = consensus_score(nce, n_clusters, seed)
    return Clusterings(
        **clusterings,
        nce_centroids=on_nce.centroids,
        head_centroids=on_head.centroids,
        reported=list(CLUSTERINGS).index(reported),
        support=np.array([supported[name] for name in CLUSTERINGS]),
        mean_cosine=embedding_health(nce)["mean_cosine"],
        consensus=agreement["consensus"],
        seeds=agreement["seeds"],
        projections=agreement["projections"],
        algorithms=agreement["algorithms"],
    )


def trained_spaces(settings: ConcurlSettings) -> dict[str, str]:
    """Return the part of ``CLUSTERINGS`` whose space was trained by a loss; untrained spaces have no vote."""
    weights = {"nce": settings.beta, "head": settings.alpha + settings.gamma}
    return {name: space for name, space in CLUSTERINGS.items() if weights["nce" if space == "nce" else "head"]}
