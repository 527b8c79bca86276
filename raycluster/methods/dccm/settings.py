"""The settings of DCCM, with the paper's symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from raycluster.errors import check_setting
from raycluster.reproduction_only import Reproduction

SIDES = (32, 64, 96)  # of the squares that the network takes

ShallowTap = Literal["pool1", "conv3"]
DeepTap = Literal["logits", "fc"]


@dataclass(frozen=True, kw_only=True)
class DccmSettings:
    """The settings of DCCM, with the paper's symbols; the defaults are those of the released code."""

    epochs: int = 200
    """Passes over the images in large batches."""
    large_batch: int = 1000
    """L, images on each worker whose targets are computed together and then kept."""
    small_batch: int = 32
    """b, images on each worker in an update; larger ones take fewer updates."""
    repeats: int = 10
    """R, how often each large batch is split into small ones anew."""
    augmentations: int = 2
    """A, updates on each small batch, every one with new augmentation."""
    learning_rate: float = 1e-4
    """The constant learning rate of RMSprop; 1e-3 in the released code for CIFAR-100."""

    graph_threshold: float = 0.95
    """Link images if the cosine of their probabilities is at least this."""
    label_threshold: float = 0.9
    """Label an image if its largest probability is at least this."""
    alpha: float = 5.0
    """α, the weight of the label loss."""
    beta: float = 0.05
    """β, the weight of the mutual information loss; 0 skips most of the work; 0.1 in the paper."""
    loss_on_clean: Reproduction[bool] = False
    """Add the graph and label losses on images without augmentation, as in the paper."""
    label_loss: Reproduction[Literal["bce", "ce"]] = "bce"
    """Binary (bce) or softmax (ce) cross-entropy; the latter suits an --alpha of 0.5 to 1."""
    mi_mode: Reproduction[Literal["triplet", "instance", "reference_bug"]] = "triplet"
    """Count as real pairs of maps also those of linked images (triplet), only an image's own (instance), or the
    released code's wrong ones (reference_bug)."""
    mi_places: int | None = None
    """Places of the shallow map, drawn in every update, to estimate mutual information at; 16 make updates on CPUs
    several times faster. Default: all (196 at 32 pixels)."""
    shallow_tap: Reproduction[ShallowTap] = "pool1"
    """The layer of the shallow map: the first pooling, or the third convolution."""
    deep_tap: Reproduction[DeepTap] = "logits"
    """The deep vector: the K logits before BatchNorm, or the fully connected layer."""
    head_bn: Reproduction[bool] = True
    """Apply BatchNorm to the logits, so that images do not all fall into one cluster."""
    augment: bool = True
    """Rotate, shift, zoom, tint and flip training images."""
    flip: bool = True
    """Mirror half of the training images; turn it off for writing and the like."""
    global_graph: bool = False
    """Compute the graph loss over the small batches of all workers together."""

    def __post_init__(self) -> None:
        """Reject invalid values."""
        for name in ("epochs", "repeats", "augmentations", "learning_rate"):
            check_setting(name, getattr(self, name), getattr(self, name) > 0, "a number above 0")
        for name in ("large_batch", "small_batch"):
            check_setting(name, getattr(self, name), getattr(self, name) >= 2, "at least 2 images")
        for name in ("alpha", "beta"):
            check_setting(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        for name in ("graph_threshold", "label_threshold"):
            check_setting(name, getattr(self, name), 0 < getattr(self, name) <= 1, "a number above 0 and up to 1")
        check_setting("mi_places", self.mi_places, self.mi_places is None or self.mi_places > 0, "a number above 0")
        is_smaller = self.small_batch <= self.large_batch
        check_setting("small_batch", self.small_batch, is_smaller, f"at most the large batch, {self.large_batch}")


PRESETS = {
    "default": DccmSettings(),
    "paper": DccmSettings(loss_on_clean=True, beta=0.1),
    "cpu": DccmSettings(epochs=10, repeats=2, learning_rate=1e-3, mi_places=16),
}

# What a sweep tries by default.
SEARCH_SPACE = (
    "alpha=log:0.5:10",
    "beta=log:0.01:0.5",
    "graph_threshold=0.8:0.98",
    "label_threshold=0.8:0.95",
    "learning_rate=log:1e-5:1e-2",
)
