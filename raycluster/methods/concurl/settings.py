"""The settings of ConCURL, with the paper's symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from raycluster.errors import UserError, check_setting
from raycluster.methods.pretrained import PretrainedSettings
from raycluster.nn.trunks import Trunk
from raycluster.reproduction_only import Reproduction

SIDES = (32, 64, 96, 160)  # of the squares that the network takes

Layout = Literal["replicated", "partitioned"]
Transform = Literal["rp", "diag", "none"]
ClusterOn = Literal["consensus", "nce_embeddings", "clust_head", "outcode", "q_code"]


@dataclass(frozen=True, kw_only=True)
class ConcurlSettings(PretrainedSettings):
    """The settings of ConCURL, with the paper's symbols; the defaults are those of the released run on CIFAR-10."""

    epochs: int = 2000
    """T, passes over the images."""
    batch_size: int = 128
    """B, images in a batch, over all workers; choose at least 6 K."""
    learning_rate: float = 0.015
    """The initial learning rate of SGD."""
    milestones: tuple[float, ...] = (0.3, 0.475, 0.65, 0.825)
    """Lower the learning rate after these parts of the training."""
    momentum: float = 0.9
    """The momentum of SGD."""
    weight_decay: float = 5e-4
    """The weight decay of SGD."""

    alpha: float = 0.0
    """α, the weight of the soft loss, which predicts without transformations and also moves the prototypes."""
    beta: float = 1.0
    """β, the weight of the exemplar (NCE) loss."""
    gamma: float = 1.0
    """γ, the weight of the consensus loss."""

    tau: float = 0.85
    """τ, the temperature of the NCE loss."""
    noise: int = 4096
    """m, rows of the memory bank to tell each image from; 0 takes all."""
    bank: Layout = "replicated"
    """Keep the memory bank (512 bytes an image) on every worker, or split it among them."""
    bank_momentum: Reproduction[float] = 0.5
    """The weight of an image's old row in a memory bank update."""
    nce_views: Reproduction[Literal[1, 2]] = 1
    """Views of each image in the NCE loss."""

    ensemble: int = 64
    """E, random transformations of the embedding space."""
    transform: Reproduction[Transform] = "rp"
    """Random projections (rp), diagonal matrices (diag), or none."""
    projection_size: int = 152
    """p, the dimensions of the random projections."""
    redraw: Reproduction[Literal["never", "epoch"]] = "never"
    """Draw the transformations once (never), or in every epoch."""
    proto_grad: Reproduction[Literal["detached", "through_projection"]] = "detached"
    """Whether the consensus loss moves the prototypes: it does with through_projection."""
    epsilon: float = 0.05
    """ε of Sinkhorn: how soft targets are."""
    sinkhorn_iterations: Reproduction[int] = 3
    """How often Sinkhorn balances prototypes and images in turn."""
    head_temperature: float = 0.1
    """The temperature of the predicted assignments."""

    trunk: Trunk | None = None
    """The ResNet. Default: cifar_resnet18 at 32 pixels, resnet18 at 64 and 96, resnet50 at 160."""
    view2: Reproduction[Literal["same", "slight", "strong"]] = "slight"
    """Augment the second view like the first (same), with less color jitter (slight), or also with blur (strong)."""
    smallest_crop: float = 0.2
    """The smallest part of an image that a view shows; 0.2 cuts writing to strokes."""
    flip: bool = True
    """Mirror half of the views; turn it off for writing and the like."""

    classifier: bool = False
    """The algorithm of --preset fast."""

    partners: int = 10
    """With --backbone: the second view of an image is one of so many nearest neighbors."""

    evaluate_every: int = 10
    """Epochs between clusterings of all images; the last epoch has one anyway."""
    cluster_on: ClusterOn | None = None
    """The clustering to report. Default: nce_embeddings; if --beta is 0, consensus, the one that the others confirm
    most."""

    def __post_init__(self) -> None:
        """Reject invalid values."""
        super().__post_init__()
        positive = ("epochs", "learning_rate", "tau", "ensemble", "projection_size", "epsilon", "head_temperature")
        for name in (*positive, "evaluate_every", "partners"):
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
        if self.classifier and self.backbone is not None:
            raise UserError("--classifier trains a network on crops of images: leave out --backbone.")
        if self.classifier and self.cluster_on is not None:
            raise UserError("--classifier reports the clusters of the classifier: leave out --cluster-on.")

    def learning_rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of step number ``step``, counted from 0, out of ``steps`` in the whole training."""
        factor = 0.4 if self.classifier else 0.1  # of each method's own code
        return self.learning_rate * factor ** sum(step / steps >= part for part in self.milestones)


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
    "fast": ConcurlSettings(
        classifier=True, epochs=500, batch_size=256, learning_rate=5e-4, milestones=(0.3, 0.6, 0.8),
        weight_decay=1e-5, evaluate_every=50,
    ),
    "frozen": ConcurlSettings(
        epochs=60, noise=0, ensemble=16, learning_rate=0.03, beta=0.0, milestones=(0.6, 0.85), cluster_on="clust_head",
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
