"""The settings of ConCURL, with the paper's symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from raycluster.errors import check_setting
from raycluster.methods.concurl.consensus import Transform
from raycluster.methods.concurl.memory_bank import Layout
from raycluster.nn.resnet import Trunk

ClusterOn = Literal["consensus", "nce_embeddings", "clust_head", "outcode", "q_code"]


@dataclass(frozen=True, kw_only=True)
class ConcurlSettings:
    """The settings of ConCURL, with the paper's symbols; the defaults are those of the released run on CIFAR-10."""

    epochs: int = 2000
    """T, passes over the images."""
    batch_size: int = 128
    """B, images in a batch, over all workers; at least 6 K is advisable, because every batch is balanced."""
    learning_rate: float = 0.015
    """Of SGD, at first."""
    milestones: tuple[float, ...] = (0.3, 0.475, 0.65, 0.825)
    """The parts of the training, counted in steps, after which it falls tenfold: epochs 600, 950, 1300 and 1650 of
    2000."""
    momentum: float = 0.9
    """SGD momentum."""
    weight_decay: float = 5e-4
    """SGD weight decay."""

    alpha: float = 0.0
    """α, the weight of the soft loss, which predicts without transformations and moves the prototypes too."""
    beta: float = 1.0
    """β, the weight of the exemplar (NCE) loss."""
    gamma: float = 1.0
    """γ, the weight of the consensus loss."""

    tau: float = 0.85
    """τ, the temperature of the NCE loss."""
    noise: int = 4096
    """m, rows of the memory bank that an image is told from; 0 takes a softmax over all rows."""
    bank: Layout = "replicated"
    """Whether every worker holds the whole memory bank (512 bytes an image), or its part of it."""
    bank_momentum: float = 0.5
    """How much of an image's row stays when it meets the new embedding."""
    nce_views: Literal[1, 2] = 1
    """How many views the NCE loss is taken on."""

    ensemble: int = 64
    """E, random transformations of the embedding space."""
    transform: Transform = "rp"
    """Random projections, random diagonal matrices, or none, which is an ensemble of one."""
    projection_size: int = 152
    """p, dimensions of a projection of the 256."""
    redraw: Literal["never", "epoch"] = "never"
    """Keep the transformations for the whole training, or draw others in every epoch."""
    proto_grad: Literal["detached", "through_projection"] = "detached"
    """Whether the consensus loss moves the prototypes."""
    epsilon: float = 0.05
    """ε of Sinkhorn, how soft the assignments are."""
    sinkhorn_iterations: int = 3
    """How often prototypes and images are balanced in turn."""
    head_temperature: float = 0.1
    """The temperature of the predictions."""

    trunk: Trunk | None = None
    """By default the CIFAR ResNet-18 at 32 pixels, ResNet-18 at 64 and 96, and ResNet-50 at 160."""
    view2: Literal["same", "slight", "strong"] = "slight"
    """How the second view differs: as the first, with a little less colour jitter, or blurred."""
    smallest_crop: float = 0.2
    """The smallest part of an image's area that a view shows; 0.2 cuts writing to strokes."""
    flip: bool = True
    """Mirror half of the views; leave it out where left and right differ, as in writing."""

    evaluate_every: int = 10
    """Epochs from one clustering of all images to the next; the last epoch has one anyway."""
    cluster_on: ClusterOn | None = None
    """The clustering to report: by default nce_embeddings, as released, or without an NCE loss consensus, which is the
    one that those from other spaces confirm most, by no labels."""

    def __post_init__(self) -> None:
        """Reject invalid values."""
        positive = ("epochs", "learning_rate", "tau", "ensemble", "projection_size", "epsilon", "head_temperature")
        for name in (*positive, "evaluate_every"):
            check_setting(name, getattr(self, name), getattr(self, name) > 0, "a number above 0")
        for name in ("momentum", "weight_decay", "alpha", "beta", "gamma", "noise", "sinkhorn_iterations"):
            check_setting(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        check_setting("batch_size", self.batch_size, self.batch_size >= 2, "at least 2 images")
        check_setting("bank_momentum", self.bank_momentum, 0 <= self.bank_momentum < 1, "a number from 0 to below 1")
        check_setting(
            "milestones", self.milestones, all(0 < part <= 1 for part in self.milestones), "fractions up to 1"
        )
        check_setting("smallest_crop", self.smallest_crop, 0 < self.smallest_crop <= 1, "a fraction up to 1")
        some = self.alpha + self.beta + self.gamma > 0
        check_setting("gamma", self.gamma, some, "a number above 0, or set --alpha or --beta above 0")
        has_all = self.noise > 0 or self.bank == "replicated"
        check_setting("bank", self.bank, has_all, "replicated, or --noise above 0: a softmax needs all rows")

    def learning_rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of step number ``step``, counted from 0, out of ``steps`` in the whole training."""
        return self.learning_rate * 0.1 ** sum(step / steps >= part for part in self.milestones)


PRESETS = {
    "default": ConcurlSettings(),
    "paper": ConcurlSettings(),
    "cifar20": ConcurlSettings(learning_rate=0.06, tau=0.35, projection_size=88, ensemble=16),
    "imagenet10": ConcurlSettings(learning_rate=0.03, tau=1.0, projection_size=104, ensemble=1),
    "dogs": ConcurlSettings(learning_rate=0.06, tau=0.5, projection_size=136),
    "cpu": ConcurlSettings(
        epochs=60, batch_size=64, noise=0, ensemble=16, trunk="resnet18", learning_rate=0.03, tau=0.5,
        milestones=(0.8, 0.95), smallest_crop=0.5,
    ),
}  # fmt: skip

# What a sweep tries by default.
SEARCH_SPACE = (
    "alpha=0:1",
    "beta=0.25:2",
    "gamma=0.25:2",
    "tau=0.3:1",
    "projection_size=32:240",
    "ensemble=1:100",
    "learning_rate=log:3e-3:1e-1",
)
