"""All images through ConCURL's network, as they are."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.data.feed import Feed
from raycluster.methods.concurl.network import NCE_SIZE, ConcurlNet
from raycluster.nn.pixels import rgb

EVAL_BATCH = 250


@torch.inference_mode()
def embed(net: ConcurlNet, feed: Feed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pass this worker's images, as they are, in evaluation mode and full precision.

    Returns
    -------
    ids : ndarray of int64, shape (m,)
    embeddings : ndarray of float32, shape (m, 128)
        NCE embeddings.
    rows : ndarray of float32, shape (m, 128 + 256 + K)
        NCE embeddings, projections and cosines to the prototypes beside each other.
    """
    net.eval()
    ids, parts = [], []
    for batch in feed.eval_batches(EVAL_BATCH):
        passed = net(rgb(batch.images))
        ids.append(batch.ids)
        parts.append(torch.cat([passed.nce, passed.head, passed.cosines], dim=1))
    rows = torch.cat(parts).cpu().numpy()
    return torch.cat(ids).cpu().numpy(), rows[:, :NCE_SIZE].copy(), rows
