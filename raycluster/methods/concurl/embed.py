"""The outputs of ConCURL's network for all images, without augmentation."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.data.feed import Feed
from raycluster.methods.concurl.network import TwoHeads

EVAL_BATCH = 250


@torch.inference_mode()
def embed(net: TwoHeads, feed: Feed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run the network on this worker's images, in evaluation mode and full precision.

    Returns
    -------
    ids : ndarray of int64, shape (m,)
    embeddings : ndarray of float32, shape (m, d)
        What a run exports: NCE embeddings, of a head on frozen features projections.
    rows : ndarray of float32, shape (m, 128 + 256 + K)
        NCE embeddings, projections and cosines to the prototypes, side by side.
    """
    net.eval()
    ids, embeddings, rows = [], [], []
    for batch in feed.eval_batches(EVAL_BATCH):
        output = net(net.prepare(batch.images))
        ids.append(batch.ids)
        embeddings.append(net.embedding(output))
        rows.append(torch.cat([output.nce, output.head, output.cosines], dim=1))
    found = [torch.cat(parts).cpu().numpy() for parts in (ids, embeddings, rows)]
    return found[0], found[1], found[2]
