"""Checks before embedding: whether the disk and the object store are large enough; and what Ray spilled after it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from raycluster.data.rows import MAX_RANGE_BYTES
from raycluster.errors import UserError
from raycluster.runtime.units import size

SHARDS_IN_STORE = 32
ROW_BYTES = 24  # id, label and path offset
MARGIN = 1.05
KEPT_FREE = 2**26


def shard_limit(store_bytes: float, image_bytes: int) -> tuple[int, str | None]:
    """Return how many bytes of prepared images a shard may hold, and a sentence if the object store is small.

    Parameters
    ----------
    store_bytes : float
        The size of the smallest object store in the cluster.
    image_bytes : int

    Raises
    ------
    UserError
        If not even single images fit.
    """
    if image_bytes * SHARDS_IN_STORE > 4 * store_bytes:
        raise UserError(
            f"An image takes {size(image_bytes)} and Ray's object store holds {size(store_bytes)}: give Ray a larger "
            "one (ray start --object-store-memory), or choose a smaller --image-size."
        )
    if store_bytes >= MAX_RANGE_BYTES * SHARDS_IN_STORE:
        return MAX_RANGE_BYTES, None
    limit = int(store_bytes // SHARDS_IN_STORE)
    return limit, (
        f"Ray's object store holds only {size(store_bytes)}, so shards are limited to {size(max(limit, image_bytes))} "
        f"of images instead of {size(MAX_RANGE_BYTES)}."
    )


def check_disk(out: Path, n: int, embedding_size: int, path_bytes: int) -> str:
    """Compare what will be written with the free disk space, and return a sentence on both.

    Parameters
    ----------
    out : Path
    n : int
        How many images remain to be embedded.
    embedding_size : int
    path_bytes : int
        The size of all their paths.

    Raises
    ------
    UserError
        If the disk cannot hold it.
    """
    needed = int(MARGIN * (n * (4 * embedding_size + ROW_BYTES) + path_bytes))
    free = shutil.disk_usage(next(folder for folder in (out, *out.parents) if folder.exists())).free
    if needed + KEPT_FREE > free:
        raise UserError(
            f"The embeddings of {n:,} images will take {size(needed)}, and {out} has {size(free)} free: make room, or "
            "choose another --out."
        )
    return f"{n:,} embeddings of {embedding_size} numbers will take about {size(needed)} of {size(free)} free"


def spilled_bytes() -> int | None:
    """Return how many bytes Ray has spilled from its object stores to disk, or None if that is unknown."""
    with contextlib.suppress(Exception):  # private to Ray, but the only count that includes deleted objects
        import ray
        from ray._private.internal_api import get_memory_info_reply, get_state_from_address

        state = get_state_from_address(ray.get_runtime_context().gcs_address)
        reply = get_memory_info_reply(state, timeout_seconds=10.0)
        return int(reply.store_stats.spilled_bytes_total)
    return None
