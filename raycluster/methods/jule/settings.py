"""The settings of JULE, with the paper's symbols."""

from __future__ import annotations

from dataclasses import dataclass

from raycluster.errors import check_setting
from raycluster.graph.settings import GraphSettings
from raycluster.methods.pretrained import PretrainedSettings
from raycluster.reproduction_only import Reproduction


@dataclass(frozen=True, kw_only=True)
class JuleSettings(PretrainedSettings, GraphSettings):
    """The settings of JULE, with the paper's symbols."""

    unroll_rate: float = 0.9
    """η, the share of the clusters merged in a period; 0.2 suits many small classes, such as faces."""
    epochs_per_period: int = 20
    """Epochs on the labels of each period."""
    rounds: int = 2
    """Training rounds on the final clusters (RC), each followed by clustering; 0 in the paper."""
    epochs_per_round: int = 20
    """Epochs in each of the --rounds."""

    join_isolated_clusters: Reproduction[bool] = False
    """While more than 20 K clusters are left, join each one without affinity to any other to the one with the nearest
    centroid, as the released code does."""
    batch_size: int = 100
    """Images in a batch, over all workers."""
    grouped_batches: Reproduction[bool] = True
    """Fill batches with groups of images of one cluster; the paper draws at random."""
    margin: float = 0.2
    """The margin of the triplet loss."""
    gamma: float = 1.0
    """γ, the weight of distances within clusters in the triplet loss."""
    negatives: Reproduction[int | None] = None
    """Images of other clusters drawn for each pair. Default: all in the batch, the mean over all draws."""
    learning_rate: float = 0.01
    """The initial learning rate of SGD; it decays as (1 + 1e-4 · iteration)^-0.75."""
    momentum: float = 0.9
    """The momentum of SGD."""
    weight_decay: float = 5e-5
    """The weight decay of SGD."""

    rotation: float = 10.0
    """Rotate training images by up to this many degrees; 0 in the paper."""
    shift: float = 0.06
    """Shift training images by up to this part of their side; 0 in the paper."""
    zoom: float = 0.1
    """Zoom training images in or out by up to this part; 0 in the paper."""

    def __post_init__(self) -> None:
        """Reject invalid values."""
        GraphSettings.__post_init__(self)
        PretrainedSettings.__post_init__(self)
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
        join_small_clusters=False,
        join_isolated_clusters=True,
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
