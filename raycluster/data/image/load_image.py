"""One encoded image, decoded no larger than it has to be and brought to the canvas of its set."""

from __future__ import annotations

import io

import numpy as np

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import read_image
from raycluster.data.image.fit import fill, place
from raycluster.data.image.open_image import open_image, orientation, upright_size


def load_image(data: bytes, canvas: Canvas, name: str = "", frame: int = 0) -> np.ndarray:
    """Decode an encoded image and prepare it.

    The same as :func:`raycluster.data.image.decode.decode` and :func:`raycluster.data.image.fit.prepare`, except that
    JPEG and JPEG 2000 images of at least four times the size they have on the canvas are decoded at a fraction of their
    size. Of a picture full of fine detail, in ten sizes and on five canvases, that changed the prepared pixels by 0.5
    of 255 levels on average and 13 at most (JPEG), or 1.0 and 24 (JPEG 2000).

    Parameters
    ----------
    data : bytes
    canvas : Canvas
    name, frame
        As in :func:`raycluster.data.image.decode.decode`.

    Returns
    -------
    prepared : ndarray of uint8, shape ``canvas.shape``

    Raises
    ------
    Unreadable
    """
    with open_image(io.BytesIO(data), name, frame) as image:
        turn = orientation(image)
        placement = place(*upright_size(image, turn), canvas)
        decoded = read_image(image, turn, placement.at_least, canvas.channels == 1, canvas.value_range)
    return fill(decoded.image, placement, canvas, decoded.extent)
