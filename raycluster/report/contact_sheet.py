"""Clusters at a glance: rows of thumbnails."""

from __future__ import annotations

import numpy as np
from PIL import Image

TILE = 48
GAP = 2


def examples(
    assignments: np.ndarray, confidence: np.ndarray, per_cluster: int, least: bool = False
) -> list[np.ndarray]:
    """Choose the images that are assigned to each cluster with the highest confidence, or the lowest.

    Parameters
    ----------
    assignments : ndarray of int, shape (n,)
        Clusters 0..K-1.
    confidence : ndarray of float, shape (n,)
    per_cluster : int
    least : bool
        Choose the lowest confidence instead of the highest.

    Returns
    -------
    rows : list of K ndarrays of int64
        At most ``per_cluster`` rows each. Among equally confident images, evenly spaced ones are chosen.
    """
    chosen = []
    for cluster in range(int(assignments.max()) + 1):
        members = np.flatnonzero(assignments == cluster)
        order = members[np.argsort(confidence[members] if least else -confidence[members], kind="stable")]
        tied = order[confidence[order] == confidence[order[0]]] if len(order) else order
        if len(tied) > per_cluster:
            order = tied[np.linspace(0, len(tied) - 1, per_cluster).astype(int)]
        chosen.append(order[:per_cluster])
    return chosen


def contact_sheet(rows_of_images: list[np.ndarray]) -> Image.Image:
    """Draw one row of thumbnails for each array of images.

    Parameters
    ----------
    rows_of_images : list of ndarray of uint8, shape (m, C, H, W), C = 1 or 3

    Returns
    -------
    sheet : PIL.Image.Image
        In RGB.
    """
    columns = max(len(images) for images in rows_of_images)
    step = TILE + GAP
    sheet = Image.new("RGB", (columns * step - GAP, len(rows_of_images) * step - GAP), "white")
    for row, images in enumerate(rows_of_images):
        for column, image in enumerate(images):
            sheet.paste(_tile(image), (column * step, row * step))
    return sheet


def _tile(image: np.ndarray) -> Image.Image:
    """Fit an image into a square tile without distorting it; small images keep their pixels sharp."""
    channels, height, width = image.shape
    picture = Image.fromarray(image[0] if channels == 1 else np.moveaxis(image, 0, 2)).convert("RGB")
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (TILE, TILE), "white")
    tile.paste(small, ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return tile
