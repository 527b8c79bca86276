"""Clustering images that a ConCURL network was not trained on."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.concurl.clustering import CLUSTERINGS, cluster_all
from raycluster.methods.concurl.embed import embed
from raycluster.methods.concurl.network import HEAD_SIZE, NCE_SIZE, ConcurlOutput, TwoHeads
from raycluster.methods.concurl.settings import ConcurlSettings


def recluster(
    net: TwoHeads, pixels: np.ndarray, settings: ConcurlSettings, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """Return the four clusterings of images, uint8 [n, C, H, W]; none if there are fewer images than clusters.

    ``frozen`` clusters use the centroids and prototypes from training. For ``refitted`` clusters, k-means is run again
    and ``q_code`` is balanced over these images.
    """
    if len(pixels) < net.n_clusters:
        return {}
    rows = embed(net, ResidentFeed(pixels))[2]
    refitted = cluster_all(rows, net.n_clusters, settings, seed).clusterings()
    nce, head, cosines = torch.from_numpy(rows).split([NCE_SIZE, HEAD_SIZE, net.n_clusters], dim=1)
    output = ConcurlOutput(nce[:, :0], nce, head, cosines)
    return {name: {"frozen": net.assign(output, name).numpy(), "refitted": refitted[name]} for name in CLUSTERINGS}
