"""DCCM (ICCV 2019): a network learns from its own confident outputs: pairs, labels and mutual information.

``train`` is the algorithm from top to bottom. The ``network``, the ``losses``, the ``augmentation``, the quality of the
pairs (``bcubed``), the ``settings`` and the signs of ``health`` are in files of their own, and ``recluster`` clusters
new images with a trained network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from raycluster.methods.base import Context, Method, Outcome
from raycluster.methods.dccm.settings import PRESETS, SEARCH_SPACE, SIDES, DccmSettings

if TYPE_CHECKING:
    import numpy as np

    from raycluster.methods.dccm.network import DccmCNN

__all__ = ["METHOD", "DccmSettings"]


def _train(settings: DccmSettings, n_clusters: int, context: Context) -> Outcome:
    """Train the method."""
    from raycluster.methods.dccm.train import train_dccm

    return train_dccm(settings, n_clusters, context)


def _build_network(architecture: Mapping[str, Any]) -> DccmCNN:
    """Return the network that ``model.json`` describes."""
    from raycluster.methods.dccm.network import DccmCNN

    names = ("n_clusters", "shallow_tap", "deep_tap", "head_bn")
    return DccmCNN(tuple(architecture["shape"]), **{name: architecture[name] for name in names})


def _epochs_between_checks(settings: DccmSettings) -> int:
    """Return one ninth of the training."""
    return max(1, settings.epochs // 9)


def _recluster(net: DccmCNN, pixels: np.ndarray, settings: DccmSettings, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Cluster other images than those of the run."""
    from raycluster.methods.dccm.recluster import recluster

    return recluster(net, pixels, settings, seed)


METHOD = Method(
    name="dccm",
    summary="DCCM (ICCV 2019): learn from the network's own confident pairs and labels; K must be known",
    settings=DccmSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=_train,
    architectures=("dccm_cnn",),
    build_network=_build_network,
    epochs_between_checks=_epochs_between_checks,
    square_sizes=SIDES,
    recluster=_recluster,
)
