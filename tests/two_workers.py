"""The context of one of two workers that are plain processes, for the fixture ``on_two_workers``."""

import torch
import torch.distributed as dist

from raycluster.nn.collective import all_gather_with_gradient
from raycluster.nn.sync_batch_norm import synchronize_batch_norm
from raycluster.training.gather import gather_rows
from raycluster.training.local_context import LocalContext


class OfTwo(LocalContext):
    """One of two processes, without mixed precision; the first one writes checkpoints, and both read them."""

    def wrap(self, model, sync_batchnorm=True):
        synced = synchronize_batch_norm(model) if sync_batchnorm else model
        return torch.nn.parallel.DistributedDataParallel(synced, broadcast_buffers=False)

    def all_gather(self, tensor):
        return all_gather_with_gradient(tensor)

    def autocast(self):
        return torch.autocast("cpu", enabled=False)

    def run_on_driver(self, step, function, ids, features, **kwargs):
        parts = [None, None]
        dist.all_gather_object(parts, (ids, features))
        return function(gather_rows(parts, self.feed.n), **kwargs)

    def keep(self, name, compute):
        return super().keep(f"{name}-{self.rank}", compute)

    def save(self, tensors, state):
        if self.rank == 0:
            super().save(tensors, state)
        dist.barrier()
