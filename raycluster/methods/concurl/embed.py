"""The outputs of ConCURL's network for all images, without augmentation."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.data.feed import Feed
from raycluster.methods.concurl.network import NCE_SIZE, ConcurlNet
from raycluster.nn.pixels import rgb

EVAL_BATCH = 250


@torch.inference_mode()
def embed(net: ConcurlNet, feed: Feed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run the network on this worker's images, in evaluation mode and full precision.

    Returns
    -------
    ids : ndarray of int64, shape (m,)
    embeddings : ndarray of float32, shape (m, 128)
        NCE embeddings.
    rows : ndarray of float32, shape (m, 128 + 256 + K)
        NCE embeddings, projections and cosines to the prototypes, side by side.
    """
    net.eval()
    ids, parts = [], []
    for batch in feed.eval_batches(EVAL_BATCH):
        output = net(rgb(batch.images))
        ids.append(batch.ids)
        parts.append(torch.cat([output.nce, output.head, output.cosines], dim=1))
    rows = torch.cat(parts).cpu().numpy()
    return torch.cat(ids).cpu().numpy(), rows[:, :NCE_SIZE].copy(), rows
