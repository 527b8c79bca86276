"""What a trained DCCM network says of other images than those it was trained on."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.dccm.settings import DccmSettings

BATCH = 500


@torch.inference_mode()
def recluster(net: DccmCNN, pixels: np.ndarray, settings: DccmSettings, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Return the clusters of images uint8 [n, C, H, W] by the network's head, as ``frozen`` ``population``."""
    batches = ResidentFeed(pixels).eval_batches(BATCH)
    found = torch.cat([net(net.prepare(batch.images)).probabilities.argmax(dim=1) for batch in batches]).numpy()
    return {"population": {"frozen": found}}
