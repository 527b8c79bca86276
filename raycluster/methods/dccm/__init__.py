"""DCCM (ICCV 2019): a network learns from its own confident outputs: pairs, labels and shared information.

``train`` is the algorithm from top to bottom; ``settings``, ``network``, ``losses``, ``augmentation``, ``bcubed`` and
``health`` are what they say, ``recluster`` is what a trained network says of other images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from raycluster.methods.dccm.settings import PRESETS, SEARCH_SPACE, SIDES, DccmSettings
from raycluster.methods.description import Later, Method

if TYPE_CHECKING:
    from raycluster.methods.dccm.network import DccmCNN

__all__ = ["METHOD", "DccmSettings"]


def build_network(architecture: Mapping[str, Any], settings: Mapping[str, Any]) -> DccmCNN:
    """Return the network that ``model.json`` describes."""
    from raycluster.methods.dccm.network import DccmCNN

    names = ("n_clusters", "shallow_tap", "deep_tap", "head_bn")
    return DccmCNN(tuple(architecture["shape"]), **{name: architecture[name] for name in names})


def epochs_between_checks(settings: DccmSettings) -> int:
    """Return a ninth of the training."""
    return max(1, settings.epochs // 9)


METHOD = Method(
    name="dccm",
    summary="DCCM (ICCV 2019): learn from the network's own confident pairs and labels; K has to be known",
    settings=DccmSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=Later("raycluster.methods.dccm.train", "train_dccm"),
    architecture="dccm_cnn",
    build_network=build_network,
    epochs_between_checks=epochs_between_checks,
    square_sizes=SIDES,
    recluster=Later("raycluster.methods.dccm.recluster", "recluster"),
)
