"""A picture of the largest clusters while the training goes on: one row of small images for each."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

MOST_CLUSTERS = 12
MOST_IMAGES = 12  # of a cluster
SMALLEST, LARGEST = 32, 64  # pixels of a tile: smaller images are enlarged, larger ones reduced
GAP = 2


def examples_of(clusters: np.ndarray) -> list[np.ndarray]:
    """Choose images of the largest clusters.

    Parameters
    ----------
    clusters : ndarray of int, shape (n,)

    Returns
    -------
    examples : list of ndarray of int64
        For each of the 12 largest clusters, the largest first, up to 12 of its images, evenly spaced.
    """
    sizes = np.bincount(clusters)
    largest = np.argsort(-sizes, kind="stable")[: min(MOST_CLUSTERS, np.count_nonzero(sizes))]
    members = [np.flatnonzero(clusters == cluster) for cluster in largest]
    return [rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_IMAGES)).astype(np.int64)] for rows in members]


def draw_grid(rows_of_images: list[np.ndarray]) -> np.ndarray:
    """Draw one row of tiles for each array of images.

    Parameters
    ----------
    rows_of_images : list of ndarray of uint8, shape (m, C, H, W)
        C is 1 or 3.

    Returns
    -------
    grid : ndarray of uint8, shape (height, width, 3)
    """
    rows = [np.stack([tile(image) for image in images]) for images in rows_of_images]
    height, width = (side + GAP for side in rows[0].shape[1:3])
    grid = np.full((len(rows) * height - GAP, max(map(len, rows)) * width - GAP, 3), 255, np.uint8)
    for i, tiles in enumerate(rows):
        for j, one in enumerate(tiles):
            grid[i * height : (i + 1) * height - GAP, j * width : (j + 1) * width - GAP] = one
    return grid


def tile(image: np.ndarray) -> np.ndarray:
    """Return an image, uint8 [C, H, W], enlarged or reduced by an integer to a tile, uint8 [h, w, 3]."""
    pixels = np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))
    longest = max(pixels.shape)
    if longest > LARGEST:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(math.ceil(longest / LARGEST)))
    scale = max(1, SMALLEST // longest)
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
