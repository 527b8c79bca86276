"""The settings of DCCM, with the paper's symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from raycluster.errors import check_setting
from raycluster.methods.dccm.network import DeepTap, ShallowTap


@dataclass(frozen=True, kw_only=True)
class DccmSettings:
    """The settings of DCCM, with the paper's symbols; the defaults are those of the released code."""

    epochs: int = 200
    """Passes over the images in large batches."""
    large_batch: int = 1000
    """L, images on each worker whose targets are made at once and then stay fixed."""
    small_batch: int = 32
    """b, images on each worker in an update; larger ones take fewer updates, and find partners in more clusters."""
    repeats: int = 10
    """R, how often a large batch is cut into small ones anew."""
    augmentations: int = 2
    """A, updates on each small batch, every one on images augmented afresh."""
    learning_rate: float = 1e-4
    """Of RMSprop, constant; the released code has 1e-3 for CIFAR-100."""

    graph_threshold: float = 0.95
    """Pairs of at least this cosine of probabilities are linked."""
    label_threshold: float = 0.9
    """Images of at least this largest probability have a label."""
    alpha: float = 5.0
    """α, the weight of the label loss."""
    beta: float = 0.05
    """β, the weight of the mutual-information loss; 0 leaves it out, and with it most of the work. The paper has .1."""
    loss_on_clean: bool = False
    """Take graph and label loss on the clean images as well, as the paper has it."""
    label_loss: Literal["bce", "ce"] = "bce"
    """A binary cross-entropy a class, or softmax cross-entropy, for which an alpha of 0.5 to 1 fits."""
    mi_mode: Literal["triplet", "instance", "reference_bug"] = "triplet"
    """Real partners are maps of linked images too, or only an image's own; or the released code's mistaken choice."""
    mi_places: int | None = None
    """Places of the shallow map, drawn anew in every update, that mutual information is taken at; by default all (196
    at 32 pixels). The loss is the same on average, and 16 places make an update on CPUs several times faster."""
    shallow_tap: ShallowTap = "pool1"
    """Where the map is taken: behind the first pooling, or behind the third convolution."""
    deep_tap: DeepTap = "logits"
    """What the deep vector is: the K logits before BatchNorm, or the fully connected layer."""
    head_bn: bool = True
    """BatchNorm on the logits, which keeps all images from falling into one cluster."""
    augment: bool = True
    """Turn, shift, zoom, tint and flip the images that are trained on."""
    flip: bool = True
    """Mirror half of them; leave it out where left and right differ, as in writing."""
    global_graph: bool = False
    """Take the graph loss over the small batches of all workers together."""

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
