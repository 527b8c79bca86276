"""Clusters at a glance: rows of thumbnails."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

TILE = 80
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


def contact_sheet(rows_of_pictures: list[list[bytes | None]]) -> Image.Image:
    """Draw one row of tiles for each list of pictures.

    Parameters
    ----------
    rows_of_pictures : list of list of (bytes or None)
        Image files; None leaves its tile gray.

    Returns
    -------
    sheet : PIL.Image.Image
        In RGB.
    """
    columns = max(len(pictures) for pictures in rows_of_pictures)
    step = TILE + GAP
    sheet = Image.new("RGB", (columns * step - GAP, len(rows_of_pictures) * step - GAP), "white")
    for row, pictures in enumerate(rows_of_pictures):
        for column, picture in enumerate(pictures):
            sheet.paste(_tile(picture), (column * step, row * step))
    return sheet


def _tile(file: bytes | None) -> Image.Image:
    """Fit a picture into a square tile without distorting it; small ones keep their pixels sharp."""
    if file is None:
        return Image.new("RGB", (TILE, TILE), "lightgray")
    picture = Image.open(io.BytesIO(file)).convert("RGB")
    scale = TILE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (TILE, TILE), "white")
    tile.paste(small, ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return tile
