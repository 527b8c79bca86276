"""Checks before embedding: whether the disk and the object store are large enough; and what Ray spilled after it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from raycluster.errors import UserError
from raycluster.runtime.units import count, size

ROW_BYTES = 24  # id, label and path offset
MARGIN = 1.05
KEPT_FREE = 2**26


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
            f"The embeddings of {count(n, 'image')} will take {size(needed)}, and {size(KEPT_FREE)} are to stay free, "
            f"but {out} has {size(free)}: make room, or choose another --out."
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
