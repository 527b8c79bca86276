"""What the other trials need of a trial to be compared with it: embeddings and clusters, of the same images for all."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from raycluster.runtime.files import atomic_write


class Sample(NamedTuple):
    """Embeddings, float32 [m, d], and clusters, int32 [m], of the images that serve for comparisons, at most 3,000."""

    embeddings: np.ndarray
    clusters: np.ndarray


def sample_path(folder: Path, number: int) -> Path:
    """Return the file of a trial's sample, by the number of the trial."""
    return folder / f"{number:04d}.npz"


def save_sample(path: Path, sample: Sample) -> None:
    """Write a sample atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial, open(partial, "wb") as file:
        np.savez(file, **sample._asdict())


def load_sample(path: Path) -> Sample:
    """Read a sample."""
    with np.load(path, allow_pickle=False) as saved:
        return Sample(saved["embeddings"], saved["clusters"])
