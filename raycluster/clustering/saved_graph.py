"""The neighbors of all vectors in a file, from which an interrupted clustering goes on."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from raycluster.graph.neighbors.search import Search
from raycluster.runtime.files import atomic_write

NAME = "neighbors.npz"


class Neighbors(NamedTuple):
    """Neighbors int32 and squared distances float32, [n, k], and how they were searched."""

    ids: np.ndarray
    sq_distances: np.ndarray
    search: Search


def fingerprint(vectors: np.ndarray, n_neighbors: int) -> str:
    """Return what changes with the vectors, float32 [n, d], or with K_s."""
    digest = hashlib.blake2b(np.ascontiguousarray(vectors).data, digest_size=16)
    return f"{digest.hexdigest()} {vectors.shape} {n_neighbors}"


def save_neighbors(folder: Path, neighbors: Neighbors, of: str) -> None:
    """Write the neighbors of the vectors with the fingerprint ``of``.

    Raises
    ------
    OSError
        If there is no room, for example.
    """
    about = json.dumps({"of": of, "search": asdict(neighbors.search)})
    with atomic_write(folder / NAME) as partial, open(partial, "wb") as file:
        np.savez(file, about=np.array(about), ids=neighbors.ids, sq_distances=neighbors.sq_distances)


def saved_neighbors(folder: Path, of: str) -> Neighbors | None:
    """Return the neighbors that were saved, or None if there are none of the vectors with this fingerprint."""
    try:
        with np.load(folder / NAME, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["of"] == of:
                return Neighbors(file["ids"], file["sq_distances"], Search(**about["search"]))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, KeyError, ValueError, TypeError):
        pass  # missing or damaged: they are searched for again
    return None


def remove_neighbors(folder: Path) -> None:
    """Remove the file, when it is no longer needed."""
    (folder / NAME).unlink(missing_ok=True)
