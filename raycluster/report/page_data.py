"""The data of a page as JSON: what of each image it holds, in the forms that its scripts read."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from raycluster.report.arrangement import Arrangement
from raycluster.report.content import RunContent

EXACT = 2**53  # above, JavaScript's numbers are not exact
PNG = b"\x89PNG"
UNIT = 1e-3  # vectors whose lengths differ less from 1 are compared by cosines


def tree_data(arranged: Arrangement) -> dict[str, Any]:
    """Return the cuts: the numbers of clusters, the leaves as ranges of rows, and their clusters at each number."""
    cuts = arranged.cuts
    n_leaves = cuts.clusters.shape[1]
    starts = np.searchsorted(arranged.leaf, np.arange(n_leaves + 1))
    return {
        "numbers": cuts.numbers.tolist(),
        "own": cuts.own,
        "starts": starts.tolist(),
        # From one number to the next, most clusters stay the same: differences deflate well.
        "clusters": packed(np.diff(cuts.clusters, axis=0, prepend=0), np.int32),
    }


def column_data(content: RunContent, arranged: Arrangement) -> dict[str, Any]:
    """Return what is known of every image, however many there are: its confidence, place on the map, and class."""
    order, places = arranged.order, arranged.map
    low, high = places.min(axis=0), places.max(axis=0)
    middle, span = (low + high) / 2, max(float((high - low).max()), 1e-9)
    squares = np.rint(((places - middle) / span + 0.5) * 65535)
    data = {
        "confidence": packed(np.rint(np.clip(content.confidence[order], 0, 1) * 65535), np.uint16),
        "x": packed(squares[:, 0], np.uint16),
        "y": packed(65535 - squares[:, 1], np.uint16),
    }
    if content.labels is not None:
        data["label"] = packed(content.labels[order], np.int32)
    return data


def row_data(content: RunContent, arranged: Arrangement, rows: np.ndarray) -> dict[str, Any]:
    """Return what a page needs to show some images, int64 [m], rows of the page: the names, and what is near.

    Similarities are cosines in thousandths, or distances as they are, nearest first.
    """
    own = arranged.order[rows]
    ids = content.ids[own].tolist()
    near = arranged.distances[rows]
    values = np.rint((1 - near**2 / 2) * 1000).astype(int) if are_cosines(content.vectors) else near.round(4)
    return {
        "rows": rows.tolist(),
        "ids": [number if isinstance(number, str) or abs(number) < EXACT else str(number) for number in ids],
        "paths": [content.paths[row] for row in own.tolist()],
        "near": arranged.neighbors[rows].tolist(),
        "similar": values.tolist(),
        "outlying": arranged.outlying[rows].round(2).tolist(),
    }


def picture_data(pictures: list[bytes | None]) -> list[str]:
    """Return image files as data URLs without what they all begin with; empty where there is none."""
    return [_data_url(picture) if picture else "" for picture in pictures]


def are_cosines(vectors: np.ndarray) -> bool:
    """Return whether vectors, of which a few are looked at, have unit length."""
    lengths = np.linalg.norm(vectors[:: max(1, len(vectors) // 1000)], axis=1)
    return bool(np.abs(lengths - 1).max() < UNIT)


def packed(values: np.ndarray, kind: type[np.generic]) -> str:
    """Return an array as its bytes, little-endian, deflated and in base64."""
    raw = np.ascontiguousarray(values).astype(np.dtype(kind).newbyteorder("<")).tobytes()
    return base64.b64encode(zlib.compress(raw, 6)).decode()


def as_json(value: Any) -> str:
    """Return JSON in ASCII without ``<``, so that nothing in it can end the element that holds it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def parts_of(n: int, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of each part of n rows, and its rows."""
    for number, start in enumerate(range(0, n, size)):
        yield number, np.arange(start, min(start + size, n))


def _data_url(picture: bytes) -> str:
    kind = "png" if picture.startswith(PNG) else "jpeg"
    return f"{kind};base64,{base64.b64encode(picture).decode()}"
