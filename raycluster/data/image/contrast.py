"""Images in which nothing, or next to nothing, can be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BLANK_LEVELS = 2
FAINT_LEVELS = 16
MOST_NAMED = 3


def contrast(images: np.ndarray) -> np.ndarray:
    """Return how many levels lie between the darkest and the brightest pixel, in the channel where they are the most.

    An image is blank if that is at most ``BLANK_LEVELS``, and otherwise faint if it is at most ``FAINT_LEVELS``.

    Parameters
    ----------
    images : ndarray of uint8, shape (m, C, H, W)

    Returns
    -------
    levels : ndarray of uint8, shape (m,)
    """
    pixels = images.reshape(*images.shape[:2], -1)
    return (pixels.max(axis=2) - pixels.min(axis=2)).max(axis=1)


def contrast_warnings(levels: np.ndarray, paths: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence on the blank images, and one on the faint ones, with the names of some.

    Parameters
    ----------
    levels : ndarray of uint8, shape (n,)
        As :func:`contrast` returns them.
    paths : sequence of str, length n
    """
    blank = np.flatnonzero(levels <= BLANK_LEVELS)
    faint = np.flatnonzero((levels > BLANK_LEVELS) & (levels <= FAINT_LEVELS))
    return tuple(
        f"{len(rows):,} of {len(levels):,} images {what}: {', '.join(paths[row] for row in rows[:MOST_NAMED])}"
        f"{', ...' if len(rows) > MOST_NAMED else '.'}"
        for rows, what in ((blank, "are blank"), (faint, f"are nearly blank (at most {FAINT_LEVELS} levels of 256)"))
        if len(rows)
    )
