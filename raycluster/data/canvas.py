"""What every image of a set is brought to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fit = Literal["pad", "crop"]
Interpolation = Literal["bilinear", "bicubic"]
ImageSize = int | tuple[int, int] | Literal["original"]


@dataclass(frozen=True)
class Canvas:
    """The form that all images of a set share once they are prepared.

    Attributes
    ----------
    channels : int
        1 for gray, 3 for color.
    height, width : int
    fit : {"pad", "crop"}
        What becomes of an image of another aspect ratio: "pad" shows all of it on a ground of the color of its
        border, "crop" takes the largest central part that fills the canvas.
    value_range : (float, float), optional
        The values that become black and white in images of more than 8 bits. By default those of their type, as in
        :func:`raycluster.data.image.pixel_values.scale_to_uint8`.
    crop_share : float
        With fit="crop", how much of that central part is shown, along each side.
    interpolation : {"bilinear", "bicubic"}
        How new pixels are made of old ones.
    """

    channels: int
    height: int
    width: int
    fit: Fit = "pad"
    value_range: tuple[float, float] | None = None
    crop_share: float = 1.0
    interpolation: Interpolation = "bilinear"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width
