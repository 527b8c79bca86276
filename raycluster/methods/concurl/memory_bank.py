"""The memory bank of ConCURL: a unit vector for every image, by row id, held by every worker or parted among them."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from raycluster.methods.concurl.settings import Layout
from raycluster.nn.sinkhorn import Gather, single_worker

CHUNK = 65_536  # rows that are made or moved at a time
ALL_PRODUCTS_UP_TO = 100_000  # rows; beyond that, drawn rows are fetched one by one


class MemoryBank:
    """Rows V of all images, and the constant z_bar of the NCE loss.

    Replicated, every worker holds all rows and changes them alike. Partitioned, worker r of N holds the rows r, r + N,
    r + 2N, …: it draws noise from its own and asks the owners for the rows of its images. Rows begin as uniform noise
    of about unit length, the same whatever the layout.

    Parameters
    ----------
    n : int
        How many images there are.
    size : int
        d, the dimensions of a row.
    seed : int
        Of the first rows.
    device : torch.device
    layout : {"replicated", "partitioned"}
    rank, world_size : int
    gather : callable
        Returns the workers' tensors, concatenated by rank.

    Attributes
    ----------
    z_bar : Tensor of float32, shape (), or None
        What the first batch gave it; None before.
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
        self.first, self.step = (rank, world_size) if layout == "partitioned" else (0, 1)
        generator = torch.Generator().manual_seed(seed)
        edge = (3 / size) ** 0.5
        parts = []
        for start in range(0, n, CHUNK):
            part = torch.empty(min(CHUNK, n - start), size).uniform_(-edge, edge, generator=generator)
            parts.append(part[(self.first - start) % self.step :: self.step])
        self._held = self._with_spare_slots(torch.cat(parts)).to(device)
        self.z_bar: torch.Tensor | None = None

    @property
    def rows(self) -> torch.Tensor:
        """Return the rows of this worker, float32 [slots, d]; the last may be empty where n does not divide."""
        return self._held[:-1]

    @property
    def own(self) -> int:
        """How many rows this worker holds."""
        return len(range(self.first, self.n, self.step))

    def draw_noise(self, images: int, m: int, generator: torch.Generator) -> torch.Tensor:
        """Draw m of this worker's rows for each image, int64 [images, m], with replacement."""
        return torch.randint(self.own, (images, m), device=self.rows.device, generator=generator)

    def products(self, embeddings: torch.Tensor, ids: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the dot products of embeddings with their own rows [B], and with those of the noise [B, m].

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
        """Return the rows of images, float32 [B, d]; with a partitioned bank a collective call."""
        if self.step == 1:
            return self.rows[ids]
        wanted = self.gather(ids)
        mine = (wanted % self.step == self.first)[:, None]
        answers = torch.where(mine, self.rows[wanted // self.step], 0)
        total = self.gather(answers[None]).sum(dim=0)
        return total[self.rank * len(ids) : (self.rank + 1) * len(ids)]

    @torch.no_grad()
    def update(self, ids: torch.Tensor, embeddings: torch.Tensor, momentum: float = 0.5) -> None:
        """Move the rows of all workers' images, each there once, towards their embeddings; a collective call."""
        ids, embeddings = self.gather(ids), self.gather(embeddings.detach().float().contiguous())
        slots = ids // self.step
        moved = F.normalize(momentum * self.rows[slots] + (1 - momentum) * embeddings, dim=1)
        # Rows of other workers go to the slot past the end: to choose by a mask would wait for the device.
        self._held.index_copy_(0, torch.where(ids % self.step == self.first, slots, len(self.rows)), moved)

    @torch.no_grad()
    def set_z_bar(self, mean: torch.Tensor) -> torch.Tensor:
        """Keep the mean over all workers, and return it; a collective call."""
        self.z_bar = self.gather(mean[None]).mean()
        return self.z_bar

    def state(self) -> dict[str, torch.Tensor]:
        """Return all rows, whatever the layout, and z_bar, on worker 0; a collective call."""
        parts = [self.rows] if self.step == 1 else []
        for part in self.rows.split(CHUNK) if self.step > 1 else ():
            both = self.gather(part[None]).transpose(0, 1).flatten(0, 1)
            parts += [both.cpu()] if self.rank == 0 else []
        rows = torch.cat(parts)[: self.n] if parts else self.rows[:0]
        return {"rows": rows} | ({} if self.z_bar is None else {"z_bar": self.z_bar})

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Take what :meth:`state` has returned."""
        device = self._held.device
        self._held = self._with_spare_slots(state["rows"][self.first :: self.step]).to(device)
        self.z_bar = state["z_bar"].to(device) if "z_bar" in state else None

    def _with_spare_slots(self, rows: torch.Tensor) -> torch.Tensor:
        """Return rows for as many slots as any worker has, and one past the end."""
        missing = -(-self.n // self.step) + 1 - len(rows)
        return torch.cat([rows, rows.new_zeros(missing, rows.shape[1])])
