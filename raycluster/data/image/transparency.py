"""The ground that shows through transparent images."""

from __future__ import annotations

import numpy as np
from PIL import Image

VISIBLE_LEVELS = 16


def on_ground(image: Image.Image) -> Image.Image:
    """Place an image with transparency on white, or on black if it would vanish on white.

    It would vanish if what is visible of it is white: if its mean distance from white, over all pixels and channels
    and weighted by opacity, is less than 16 of 255 levels. So white glyphs are placed on black, and a photo whose
    ground was cut out on white.

    Returns
    -------
    image : PIL.Image.Image
        In mode RGB.
    """
    image = image.convert("RGBA")
    on_white = _composite(image, "white")
    opacity = float(np.asarray(image.getchannel("A")).mean()) / 255
    # On white, a pixel differs from white by its own distance times its opacity.
    distance = 255 - float(np.asarray(on_white).mean())
    vanishes = distance < VISIBLE_LEVELS * opacity
    return _composite(image, "black") if vanishes else on_white


def _composite(image: Image.Image, ground: str) -> Image.Image:
    canvas = Image.new("RGBA", image.size, ground)
    canvas.alpha_composite(image)
    return canvas.convert("RGB")
