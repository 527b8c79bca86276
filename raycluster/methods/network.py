"""The network that a method trains: it embeds images, and may assign them to clusters."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from raycluster.nn.network import Network


class MethodNetwork(Network):
    """The network that a method trains."""

    def calibrate(self, batches: Iterable[torch.Tensor]) -> None:
        """Measure, on random batches of prepared images, what evaluation mode needs and training does not maintain."""
