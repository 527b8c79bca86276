"""ConCURL (Machine Learning, 2022): consensus between clusterings in many random projections.

``train`` is the algorithm from top to bottom, and ``clustering`` is the part of it that runs on the driver. The
``network``, the two ``views`` of an image, the exemplar loss (``nce``) with its ``memory_bank``, the ``consensus``
loss, the ``settings`` and the signs of ``health`` are in files of their own. ``embed`` runs the network over all images
of a run, and ``recluster`` clusters new images with a trained network.
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
    """Return the network that ``model.json`` describes; its confidence uses the run's head temperature."""
    temperature = settings.get("head_temperature", 1.0)
    net = ConcurlNet(tuple(architecture["shape"]), architecture["n_clusters"], architecture["trunk"], temperature)
    net.clustering = architecture.get("clustering")
    return net


def epochs_between_checks(settings: ConcurlSettings) -> int:
    """Return one ninth of the training."""
    return max(1, settings.epochs // 9)


METHOD = Method(
    name="concurl",
    summary="ConCURL (2022): make two views agree on clusters in many random projections; K must be known",
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
