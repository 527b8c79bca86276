"""ConCURL (Machine Learning, 2022): consensus between clusterings in many random projections.

``train`` is the algorithm from top to bottom, and ``clustering`` its part on the driver. ``settings``, ``network``,
``views``, ``memory_bank``, ``nce``, ``consensus`` and ``health`` are what they say. ``embed`` passes the run's images
through the network, and ``recluster`` clusters other images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from raycluster.methods.base import Method
from raycluster.methods.concurl.network import SIDES, ConcurlNet
from raycluster.methods.concurl.recluster import recluster
from raycluster.methods.concurl.settings import PRESETS, SEARCH_SPACE, ConcurlSettings
from raycluster.methods.concurl.train import train_concurl

__all__ = ["METHOD", "ConcurlNet", "ConcurlSettings", "train_concurl"]


def build_network(architecture: Mapping[str, Any], settings: Mapping[str, Any]) -> ConcurlNet:
    """Return the network that ``model.json`` describes; its confidence is at the run's head temperature."""
    temperature = settings.get("head_temperature", 1.0)
    net = ConcurlNet(tuple(architecture["shape"]), architecture["n_clusters"], architecture["trunk"], temperature)
    net.clustering = architecture.get("clustering")
    return net


def epochs_between_checks(settings: ConcurlSettings) -> int:
    """Return a ninth of the training."""
    return max(1, settings.epochs // 9)


METHOD = Method(
    name="concurl",
    summary="ConCURL (2022): two views agree on clusters in many random projections; K has to be known",
    settings=ConcurlSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=train_concurl,
    architecture="concurl_resnet",
    build_network=build_network,
    epochs_between_checks=epochs_between_checks,
    square_sizes=SIDES,
    recluster=recluster,
)
