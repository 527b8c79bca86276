"""DCCM (ICCV 2019): a network learns from its own confident outputs: pairs, labels and mutual information.

``train`` is the algorithm from top to bottom. The ``network``, the ``losses``, the ``augmentation``, the quality of the
pairs (``bcubed``), the ``settings`` and the signs of ``health`` are in files of their own, and ``recluster`` clusters
new images with a trained network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from raycluster.methods.base import Method
from raycluster.methods.dccm.network import SIDES, DccmCNN
from raycluster.methods.dccm.recluster import recluster
from raycluster.methods.dccm.settings import PRESETS, SEARCH_SPACE, DccmSettings
from raycluster.methods.dccm.train import train_dccm

__all__ = ["METHOD", "DccmCNN", "DccmSettings", "train_dccm"]


def build_network(architecture: Mapping[str, Any], settings: Mapping[str, Any]) -> DccmCNN:
    """Return the network that ``model.json`` describes."""
    names = ("n_clusters", "shallow_tap", "deep_tap", "head_bn")
    return DccmCNN(tuple(architecture["shape"]), **{name: architecture[name] for name in names})


def epochs_between_checks(settings: DccmSettings) -> int:
    """Return one ninth of the training."""
    return max(1, settings.epochs // 9)


METHOD = Method(
    name="dccm",
    summary="DCCM (ICCV 2019): learn from the network's own confident pairs and labels; K must be known",
    settings=DccmSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=train_dccm,
    architecture="dccm_cnn",
    build_network=build_network,
    epochs_between_checks=epochs_between_checks,
    square_sizes=SIDES,
    recluster=recluster,
)
