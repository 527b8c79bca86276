"""The network that a method trains: it embeds images, and may assign them to clusters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch

from raycluster.methods.base import Prediction
from raycluster.nn.network import Network


class MethodNetwork(Network):
    """The network that a method trains.

    Attributes
    ----------
    assigns : bool
        Whether the network itself gives an image its cluster.
    n_clusters : int
        K, where it does.
    """

    assigns = False
    n_clusters: int

    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """Return what is needed to build this network again and to prepare its input, fit for JSON."""

    def predict(self, inputs: torch.Tensor) -> Prediction:
        """Return the embeddings of prepared images, and their clusters where the network assigns them."""
        return Prediction(list(self.layers(inputs).values())[-1])

    def calibrate(self, batches: Iterable[torch.Tensor]) -> None:
        """Measure, on random batches of prepared images, what evaluation mode needs and training does not maintain."""
