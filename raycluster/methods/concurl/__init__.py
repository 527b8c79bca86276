"""ConCURL (Machine Learning, 2022): consensus between clusterings in many random projections.

``train`` is the algorithm from top to bottom, and ``clustering`` is the part of it that runs on the driver. The
``network``, the two ``views`` of an image, the exemplar loss (``nce``) with its ``memory_bank``, the ``consensus``
loss, the ``settings`` and the signs of ``health`` are in files of their own. ``embed`` runs the network over all images
of a run, and ``recluster`` clusters new images with a trained network. ``frozen`` trains only the ``head`` on the
features of a pretrained network.

``train_classifier`` is the other algorithm, of the preset ``fast``, with its ``crops``, its ``agreement`` and
``information`` losses, and the ``classifier_network``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from raycluster.methods.base import Context, Method, Outcome
from raycluster.methods.concurl.settings import PRESETS, SEARCH_SPACE, SIDES, ConcurlSettings
from raycluster.methods.pretrained import pretrained_canvas

if TYPE_CHECKING:
    import numpy as np

    from raycluster.methods.concurl.classifier_network import ClassifierNet
    from raycluster.methods.concurl.network import TwoHeads

__all__ = ["METHOD", "ConcurlSettings"]


def _train(settings: ConcurlSettings, n_clusters: int, context: Context) -> Outcome:
    """Train the method, on images or on frozen features."""
    if settings.backbone is not None:
        from raycluster.methods.concurl.frozen import train_heads

        return train_heads(settings, n_clusters, context)
    if settings.classifier:
        from raycluster.methods.concurl.train_classifier import train_classifier

        return train_classifier(settings, n_clusters, context)
    from raycluster.methods.concurl.train import train_concurl

    return train_concurl(settings, n_clusters, context)


def _build_network(architecture: Mapping[str, Any]) -> TwoHeads | ClassifierNet:
    """Return the network that ``model.json`` describes."""
    n_clusters = architecture["n_clusters"]
    if architecture["name"] == "concurl_classifier":
        from raycluster.methods.concurl.classifier_network import ClassifierNet

        return ClassifierNet(
            tuple(architecture["shape"]), n_clusters, architecture["prototypes"], architecture["trunk"]
        )
    net: TwoHeads
    if architecture["name"] == "concurl_head":
        from raycluster.methods.concurl.head import ConcurlHead
        from raycluster.nn.backbone.network import Backbone

        net = ConcurlHead(Backbone.rebuild(architecture["backbone"]), n_clusters)
    else:
        from raycluster.methods.concurl.network import ConcurlNet

        net = ConcurlNet(tuple(architecture["shape"]), n_clusters, architecture["trunk"])
    net.clustering = architecture.get("clustering")
    return net


def _epochs_between_checks(settings: ConcurlSettings) -> int:
    """Return one ninth of the training."""
    return max(1, settings.epochs // 9)


def _recluster(
    net: TwoHeads | ClassifierNet, pixels: np.ndarray, settings: ConcurlSettings, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """Cluster other images than those of the run."""
    if settings.classifier:
        from raycluster.methods.concurl.classifier_network import classify

        return {"classifier": {"frozen": classify(cast("ClassifierNet", net), pixels)}}
    from raycluster.methods.concurl.recluster import recluster

    return recluster(cast("TwoHeads", net), pixels, settings, seed)


METHOD = Method(
    name="concurl",
    summary="ConCURL (2022): make two views agree on clusters in many random projections; K must be known",
    settings=ConcurlSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=_train,
    architectures=("concurl_resnet", "concurl_head", "concurl_classifier"),
    build_network=_build_network,
    epochs_between_checks=_epochs_between_checks,
    square_sizes=SIDES,
    recluster=_recluster,
    canvas=pretrained_canvas,
)
