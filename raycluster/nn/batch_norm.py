"""BatchNorm that trains on the statistics of each batch and predicts with those of all images, measured once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class BatchNorm(_BatchNorm):
    """Normalize by the batch in training, and by the statistics from :func:`population_statistics` in evaluation mode.

    No running averages are updated in training, which saves work in every step.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, momentum=None)
        self.measuring = False

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Accept inputs with any number of dimensions."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the normalized ``input``, float [B, C, ...]."""
        if self.measuring or not self.training:
            return super().forward(input)
        return F.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)


@contextlib.contextmanager
def population_statistics(net: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Measure the population's mean and variance on the batches that pass through ``net`` in this context.

    They are averages over these batches, which must be random; each batch is normalized by its own statistics. The
    context yields the statistics as tensors that are updated with every batch, so that several workers can average
    them. ``net`` is left in evaluation mode.
    """
    norms = [module for module in net.modules() if isinstance(module, BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.measuring = True
    net.train()
    try:
        yield [value for norm in norms for value in (norm.running_mean, norm.running_var) if value is not None]
    finally:
        for norm in norms:
            norm.measuring = False
        net.eval()
