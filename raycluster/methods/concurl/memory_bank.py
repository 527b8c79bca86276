"""ConCURL's memory bank: a unit vector for every image, either on every worker or partitioned among them."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from raycluster.methods.concurl.settings import Layout
from raycluster.nn.sinkhorn import Gather, single_worker

CHUNK = 65_536  # rows that are created or moved at a time
ALL_PRODUCTS_UP_TO = 100_000  # rows; in larger banks, products are computed with the drawn rows only


class MemoryBank:
    """The rows V of all images, and the constant z_bar of the NCE loss.

    In the replicated layout, every worker has all rows and makes the same changes to them. In the partitioned layout,
    worker r of N has the rows r, r + N, r + 2N, …; it draws noise from its own rows and gets the rows of its images
    from their owners. Rows start as uniform noise of about unit length, which is the same in both layouts.

    Parameters
    ----------
    n : int
        The number of images.
    size : int
        d, the dimension of a row.
    seed : int
        Of the initial rows.
    device : torch.device
    layout : {"replicated", "partitioned"}
    rank, world_size : int
    gather : callable
        Returns the workers' tensors, concatenated by rank.

    Attributes
    ----------
    z_bar : Tensor of float32, shape (), or None
        Z / n, estimated on the first batch; None before that.
    """

    def __init__(
        self,
        n: int,
        size: int,
        seed: int,
        device: torch.device,
        layout: Layout = "replicated",
        rank: int = 0,
        world_size: int = 1,
        gather: Gather = single_worker,
    ) -> None:
        self.n, self.gather, self.rank = n, gather, rank
        self.first, self.stride = (rank, world_size) if layout == "partitioned" else (0, 1)
        generator = torch.Generator().manual_seed(seed)
        bound = (3 / size) ** 0.5
        parts = []
        for start in range(0, n, CHUNK):
            part = torch.empty(min(CHUNK, n - start), size).uniform_(-bound, bound, generator=generator)
            parts.append(part[(self.first - start) % self.stride :: self.stride])
        self._slots = self._with_spare_slots(torch.cat(parts)).to(device)
        self.z_bar: torch.Tensor | None = None

    @property
    def rows(self) -> torch.Tensor:
        """The rows of this worker, float32 [slots, d]; the last slot may be unused if n is not divisible by N."""
        return self._slots[:-1]

    @property
    def n_own(self) -> int:
        """The number of rows that this worker has."""
        return len(range(self.first, self.n, self.stride))

    def draw_noise(self, images: int, m: int, generator: torch.Generator) -> torch.Tensor:
        """Draw m of this worker's rows for each image, int64 [images, m], with replacement."""
        return torch.randint(self.n_own, (images, m), device=self.rows.device, generator=generator)

    def products(self, embeddings: torch.Tensor, ids: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the dot products of embeddings with their own rows, [B], and with the noise rows, [B, m].

        Parameters
        ----------
        embeddings : Tensor of float32, shape (B, d)
        ids : Tensor of int64, shape (B,)
        noise : Tensor of int64, shape (B, m)
        """
        positive = (embeddings * self.lookup(ids)).sum(dim=1)
        if len(self.rows) <= ALL_PRODUCTS_UP_TO:
            return positive, (embeddings @ self.rows.T).gather(1, noise)
        return positive, torch.einsum("bd,bmd->bm", embeddings, self.rows[noise])

    @torch.no_grad()
    def lookup(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the rows of images, float32 [B, d]; a collective call if the bank is partitioned."""
        if self.stride == 1:
            return self.rows[ids]
        all_ids = self.gather(ids)
        is_own = (all_ids % self.stride == self.first)[:, None]
        contribution = torch.where(is_own, self.rows[all_ids // self.stride], 0)
        rows = self.gather(contribution[None]).sum(dim=0)
        return rows[self.rank * len(ids) : (self.rank + 1) * len(ids)]

    @torch.no_grad()
    def update(self, ids: torch.Tensor, embeddings: torch.Tensor, momentum: float = 0.5) -> None:
        """Move the rows of all workers' images, which must be distinct, toward their embeddings; a collective call."""
        ids, embeddings = self.gather(ids), self.gather(embeddings.detach().float().contiguous())
        slots = ids // self.stride
        moved = F.normalize(momentum * self.rows[slots] + (1 - momentum) * embeddings, dim=1)
        # Rows of other workers go to the slot past the end, because selecting by a mask would wait for the device.
        self._slots.index_copy_(0, torch.where(ids % self.stride == self.first, slots, len(self.rows)), moved)

    @torch.no_grad()
    def set_z_bar(self, mean: torch.Tensor) -> torch.Tensor:
        """Set z_bar to the mean over all workers, and return it; a collective call."""
        self.z_bar = self.gather(mean[None]).mean()
        return self.z_bar

    def state(self) -> dict[str, torch.Tensor]:
        """Return all rows and z_bar on worker 0, in the same form for both layouts; a collective call."""
        parts = [self.rows] if self.stride == 1 else []
        for part in self.rows.split(CHUNK) if self.stride > 1 else ():
            interleaved = self.gather(part[None]).transpose(0, 1).flatten(0, 1)
            parts += [interleaved.cpu()] if self.rank == 0 else []
        rows = torch.cat(parts)[: self.n] if parts else self.rows[:0]
        return {"rows": rows} | ({} if self.z_bar is None else {"z_bar": self.z_bar})

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Restore what :meth:`state` has returned."""
        device = self._slots.device
        self._slots = self._with_spare_slots(state["rows"][self.first :: self.stride]).to(device)
        self.z_bar = state["z_bar"].to(device) if "z_bar" in state else None

    def _with_spare_slots(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the rows, padded to as many slots as the largest worker has, and one more past the end."""
        missing = -(-self.n // self.stride) + 1 - len(rows)
        return torch.cat([rows, rows.new_zeros(missing, rows.shape[1])])
