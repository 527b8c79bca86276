"""Images in which nothing, or next to nothing, can be seen."""

from __future__ import annotations

import numpy as np

BLANK_LEVELS = 2
FAINT_LEVELS = 16


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


def is_blank(images: np.ndarray) -> np.ndarray:
    """Return of which images nothing can be seen, bool (m,)."""
    return contrast(images) <= BLANK_LEVELS


def is_faint(images: np.ndarray) -> np.ndarray:
    """Return which images are not blank but hardly visible, bool (m,)."""
    levels = contrast(images)
    return (levels > BLANK_LEVELS) & (levels <= FAINT_LEVELS)
