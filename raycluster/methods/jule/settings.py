"""The settings of JULE, with the paper's symbols."""

from __future__ import annotations

from dataclasses import dataclass

from raycluster.errors import check_setting
from raycluster.graph.settings import GraphSettings


@dataclass(frozen=True, kw_only=True)
class JuleSettings(GraphSettings):
    """The settings of JULE, with the paper's symbols."""

    unroll_rate: float = 0.9
    """η, the share of the clusters merged in a period; 0.2 suits many small classes, such as faces."""
    epochs_per_period: int = 20
    """Passes over the images on the labels of one period."""
    rounds: int = 2
    """Training rounds on the RC clusters at the end, each followed by clustering again; the paper has none."""
    epochs_per_round: int = 20
    """Passes over the images in one such round."""

    batch_size: int = 100
    """Images in a batch, over all workers."""
    grouped_batches: bool = True
    """Make batches of runs of images of one cluster, so that they hold pairs; the paper draws at random."""
    margin: float = 0.2
    """The margin of the triplet loss."""
    gamma: float = 1.0
    """γ, the weight of the distance to the image of the same cluster."""
    negatives: int | None = None
    """Images of other clusters drawn for every pair; by default all in the batch, the expectation of drawing."""
    learning_rate: float = 0.01
    """The first learning rate; it falls as (1 + 1e-4 · iteration)^-0.75."""
    momentum: float = 0.9
    """SGD momentum."""
    weight_decay: float = 5e-5
    """SGD weight decay."""

    rotation: float = 10.0
    """Training images are turned by up to this many degrees; the paper does not augment."""
    shift: float = 0.06
    """They are shifted by up to this part of the side."""
    zoom: float = 0.1
    """They are made larger or smaller by up to this part."""

    def __post_init__(self) -> None:
        """Reject invalid values."""
        super().__post_init__()
        for name in ("epochs_per_period", "epochs_per_round", "batch_size", "gamma", "learning_rate"):
            check_setting(name, getattr(self, name), getattr(self, name) > 0, "a number above 0")
        for name in ("rounds", "margin", "momentum", "weight_decay", "rotation"):
            check_setting(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        check_setting("negatives", self.negatives, self.negatives is None or self.negatives > 0, "a number above 0")
        check_setting("unroll_rate", self.unroll_rate, 0 < self.unroll_rate <= 1, "a share above 0 and up to 1")
        for name in ("shift", "zoom"):
            check_setting(name, getattr(self, name), 0 <= getattr(self, name) < 1, "a share from 0 to below 1")


PRESETS = {
    "default": JuleSettings(),
    "paper": JuleSettings(
        rounds=0,
        n_neighbors=20,
        affinity="global",
        join_small_components=False,
        grouped_batches=False,
        negatives=20,
        rotation=0.0,
        shift=0.0,
        zoom=0.0,
    ),
}

# What a sweep tries by default.
SEARCH_SPACE = (
    "unroll_rate=0.2:0.95",
    "learning_rate=log:1e-3:1e-1",
    "n_neighbors=8:40",
    "n_neighbor_clusters=2:10",
    "local_structure=0:2",
    "gamma=0.5:2",
    "margin=0.05:0.5",
)
