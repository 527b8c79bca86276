"""JULE (CVPR 2016): agglomerative merging on a k-NN graph and CNN training take turns.

``train`` is the algorithm from top to bottom, ``clustering`` its part on the driver; ``settings``, ``network``,
``triplet_loss`` and ``health`` are what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from raycluster.methods.description import Later, Method
from raycluster.methods.jule.settings import PRESETS, SEARCH_SPACE, JuleSettings

if TYPE_CHECKING:
    from raycluster.methods.jule.network import JuleCNN

__all__ = ["METHOD", "JuleSettings"]


def build_network(architecture: Mapping[str, Any], settings: Mapping[str, Any]) -> JuleCNN:
    """Return the network that ``model.json`` describes."""
    from raycluster.methods.jule.network import JuleCNN

    return JuleCNN(tuple(architecture["shape"]), architecture["embedding_size"])


def epochs_between_checks(settings: JuleSettings) -> int:
    """Return the epochs of a period: after each the clusters change."""
    return settings.epochs_per_period


METHOD = Method(
    name="jule",
    summary="JULE (CVPR 2016): merge clusters and train a network in turns; can find the number of clusters",
    settings=JuleSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=Later("raycluster.methods.jule.train", "train_jule"),
    architecture="jule_cnn",
    build_network=build_network,
    epochs_between_checks=epochs_between_checks,
    finds_k=True,
    cluster_pixels="raycluster.methods.jule.clustering:cluster_pixels",
)
