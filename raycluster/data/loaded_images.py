"""Every image of a set read once: into memory, or by a consumer; what turns out to be damaged is rejected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from raycluster.data.image.contrast import contrast, contrast_warnings
from raycluster.data.images import ImageSet, none_readable
from raycluster.data.pipeline import Progress


@dataclass(frozen=True)
class LoadedImages(ImageSet):
    """An image set whose images are all in memory, ``pixels`` uint8 [n, C, H, W]: nothing is read again."""

    pixels: np.ndarray = field(kw_only=True)

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rows int64 [m] and their images."""
        return rows, self.pixels[rows]


def load_images(images: ImageSet, progress: Progress | None = None) -> LoadedImages:
    """Read all images of a set into memory.

    Parameters
    ----------
    images : ImageSet
    progress : callable, optional
        Called with the number of images read so far.

    Raises
    ------
    UserError
        If none is readable.
    """
    pixels = np.empty((images.n, *images.shape), np.uint8)

    def keep(rows: np.ndarray, block: np.ndarray) -> None:
        pixels[rows] = block

    kept, is_readable = read_all(images, keep, progress)
    return LoadedImages(**vars(kept), pixels=pixels if is_readable.all() else pixels[is_readable])


def read_all(
    images: ImageSet, consume: Callable[[np.ndarray, np.ndarray], None], progress: Progress | None = None
) -> tuple[ImageSet, np.ndarray]:
    """Read every image of a set once, on Ray where one is connected.

    Parameters
    ----------
    images : ImageSet
    consume : callable
        Called with rows int64 [m] and images uint8 [m, C, H, W], block by block; unreadable images are zeros.
    progress : callable, optional
        Called with the number of images read so far.

    Returns
    -------
    images : ImageSet
        Without the unreadable images, and with warnings about those in which nothing can be seen.
    is_readable : ndarray of bool, shape (n,)

    Raises
    ------
    UserError
        If none is readable.
    """
    times_read, levels = np.zeros(images.n, np.int64), np.zeros(images.n, np.uint8)
    reasons: dict[int, str] = {}
    for rows, block, unreadable in images.blocks():
        consume(rows, block)
        levels[rows] = contrast(block)
        times_read[rows] += 1
        reasons |= unreadable
        if progress:
            progress(int(times_read.sum()))
    if not (times_read == 1).all():
        raise RuntimeError(f"{(times_read != 1).sum()} of {images.n} images were not read exactly once")
    is_readable = np.ones(images.n, bool)
    is_readable[list(reasons)] = False
    kept = images.without(reasons)
    if kept.n == 0:
        raise none_readable(images.source, kept.rejected)
    return replace(kept, warnings=contrast_warnings(levels[is_readable], kept.paths)), is_readable
