"""How large the shards of an embedding job are: their rows, and the bytes of their prepared images."""

from __future__ import annotations

from raycluster.data.rows import MAX_RANGE_BYTES
from raycluster.errors import UserError
from raycluster.runtime.units import size

MOST_SHARD_ROWS = 4096
FEWEST_SHARD_ROWS = 512
SHARDS_WANTED = 64
SHARDS_IN_STORE = 32  # that the object store has room for


def shard_rows(n: int, image_bytes: int, shard_bytes: int) -> int:
    """Return how many of ``n`` images go into a shard.

    Enough to make 64 shards, but between 512 and 4,096, and never more than ``shard_bytes`` of prepared images; at
    least one.
    """
    wanted = min(MOST_SHARD_ROWS, max(FEWEST_SHARD_ROWS, n // SHARDS_WANTED))
    return max(1, min(wanted, shard_bytes // image_bytes))


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
