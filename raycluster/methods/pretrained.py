"""The settings of methods that can train a head on a pretrained network, and how images are prepared for it.

Importing this imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from raycluster.errors import UserError

if TYPE_CHECKING:
    from raycluster.data.canvas import Canvas, ImageSize


@dataclass(frozen=True, kw_only=True)
class PretrainedSettings:
    """Which pretrained network embeds the images, if one does."""

    backbone: str | None = None
    """A pretrained network of timm or torchvision, such as resnet50. It embeds every image once, and a head on its
    features is trained, without augmentation. Default: a network that learns from your images alone."""
    weights: str | None = None
    """Weights of the --backbone: a safetensors file, or a state dict (.pth) of nothing but tensors. Default: the
    published ones, which are fetched once."""

    def __post_init__(self) -> None:
        """Reject invalid values."""
        if self.weights is not None and self.backbone is None:
            raise UserError("--weights are those of a pretrained network: name it with --backbone.")


def is_pretrained(settings: Any) -> bool:
    """Return whether the settings of a method name a pretrained network."""
    return isinstance(settings, PretrainedSettings) and settings.backbone is not None


def pretrained_canvas(
    settings: PretrainedSettings, image_size: ImageSize | None, value_range: tuple[float, float] | None
) -> Canvas | None:
    """Return what images are brought to for a pretrained network; None without one."""
    if settings.backbone is None:
        return None
    from raycluster.methods.frozen_features import load_named

    if not isinstance(image_size, int | None):
        raise UserError(f"--image-size {image_size}: pretrained networks take squares, so give one number.")
    return replace(load_named(settings, image_size).canvas, value_range=value_range)
