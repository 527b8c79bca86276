"""Batch normalization over the batch of all workers, on every device (PyTorch's own version rejects CPU tensors)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from raycluster.nn.collective import all_gather_with_gradient


class SyncBatchNorm(_BatchNorm):
    """Normalize over the images of all workers in training; in evaluation mode, behave like any BatchNorm.

    Workers may have different numbers of images. The statistics are computed in float32.
    """

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 dimensions (batch, channels), got {input.dim()}")

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the normalized ``input``, float [B, C, ...]."""
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        values = input.float()
        others = [dim for dim in range(values.dim()) if dim != 1]
        variance, mean = torch.var_mean(values, others, correction=0)
        count = torch.full_like(mean, values.numel() / len(mean))
        # A single message has everything needed to combine the workers' statistics: [workers, 3, C].
        counts, means, variances = all_gather_with_gradient(torch.stack([count, mean, variance])[None]).unbind(1)
        total = counts.sum(0)
        mean = (counts * means).sum(0) / total
        variance = (counts * (variances + (means - mean) ** 2)).sum(0) / total
        self._update_running(mean.detach(), (variance * total / (total - 1)).detach())

        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale
        if self.affine:
            shift = shift + self.bias
        shape = [1, -1] + [1] * (values.dim() - 2)
        return (values * scale.view(shape) + shift.view(shape)).to(input.dtype)

    def _update_running(self, mean: torch.Tensor, unbiased_variance: torch.Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(unbiased_variance, momentum)


def synchronize_batch_norm(model: nn.Module) -> nn.Module:
    """Replace every BatchNorm inside ``model`` by one over all workers, with the same names and values."""
    for name, child in model.named_children():
        if isinstance(child, _BatchNorm):
            synced = SyncBatchNorm(
                child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats
            )
            synced._parameters, synced._buffers = child._parameters, child._buffers
            synced.train(child.training)
            setattr(model, name, synced)
        else:
            synchronize_batch_norm(child)
    return model
