"""JULE (CVPR 2016): agglomerative clustering on a k-NN graph and CNN training take turns.

``train`` is the algorithm from top to bottom, and ``clustering`` is the part of it that runs on the driver. The
``network``, the ``triplet_loss``, the ``settings`` and the signs of ``health`` are in files of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from raycluster.methods.base import Method
from raycluster.methods.jule.clustering import cluster_pixels
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.settings import PRESETS, SEARCH_SPACE, JuleSettings
from raycluster.methods.jule.train import train_jule

__all__ = ["METHOD", "JuleCNN", "JuleSettings", "train_jule"]


def build_network(architecture: Mapping[str, Any], settings: Mapping[str, Any]) -> JuleCNN:
    """Return the network that ``model.json`` describes."""
    return JuleCNN(tuple(architecture["shape"]), architecture["embedding_size"])


def epochs_between_checks(settings: JuleSettings) -> int:
    """Return the number of epochs in a period: the clusters change after each period."""
    return settings.epochs_per_period


METHOD = Method(
    name="jule",
    summary="JULE (CVPR 2016): alternately merge clusters and train a network; can find the number of clusters",
    settings=JuleSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=train_jule,
    architecture="jule_cnn",
    build_network=build_network,
    epochs_between_checks=epochs_between_checks,
    finds_k=True,
    cluster_pixels=cluster_pixels,
)
