"""Clustering images that a DCCM network was not trained on."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.dccm.settings import DccmSettings

BATCH = 500


@torch.inference_mode()
def recluster(net: DccmCNN, pixels: np.ndarray, settings: DccmSettings, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Return ``{"population": {"frozen": clusters}}``, the head's clusters of images, uint8 [n, C, H, W]."""
    batches = ResidentFeed(pixels).eval_batches(BATCH)
    clusters = torch.cat([net(net.prepare(batch.images)).probabilities.argmax(dim=1) for batch in batches]).numpy()
    return {"population": {"frozen": clusters}}
