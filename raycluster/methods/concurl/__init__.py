"""ConCURL (Machine Learning, 2022): consensus between clusterings in many random projections.

``train`` is the algorithm from top to bottom, ``clustering`` its part on the driver; ``settings``, ``network``,
``views``, ``memory_bank``, ``nce``, ``consensus`` and ``health`` are what they say, ``embed`` and ``recluster`` are what
a trained network says of the run's images and of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from raycluster.methods.concurl.settings import PRESETS, SEARCH_SPACE, SIDES, ConcurlSettings
from raycluster.methods.description import Later, Method

if TYPE_CHECKING:
    from raycluster.methods.concurl.network import ConcurlNet

__all__ = ["METHOD", "ConcurlSettings"]


def build_network(architecture: Mapping[str, Any], settings: Mapping[str, Any]) -> ConcurlNet:
    """Return the network that ``model.json`` describes; its confidence is at the run's head temperature."""
    from raycluster.methods.concurl.network import ConcurlNet

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
    train=Later("raycluster.methods.concurl.train", "train_concurl"),
    architecture="concurl_resnet",
    build_network=build_network,
    epochs_between_checks=epochs_between_checks,
    square_sizes=SIDES,
    recluster=Later("raycluster.methods.concurl.recluster", "recluster"),
)
