"""Gathering tensors from all workers, with gradients that flow back to them."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.contiguous()
        ctx.rows = len(tensor)
        parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, tensor)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient.narrow(0, dist.get_rank() * ctx.rows, ctx.rows)


def all_gather_with_gradient(tensor: torch.Tensor) -> torch.Tensor:
    """Return the workers' tensors [m, ...], all of one shape, concatenated by rank: [world_size * m, ...].

    The gradient of each worker's part is the sum of the gradients that all workers compute for it. If these are then
    averaged over workers, as in DistributedDataParallel, the result is the gradient of the mean of the workers' losses.
    """
    gathered: torch.Tensor = _AllGather.apply(tensor)
    return gathered
