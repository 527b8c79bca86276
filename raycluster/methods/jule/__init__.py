"""JULE (CVPR 2016): agglomerative clustering on a k-NN graph and CNN training take turns.

``train`` is the algorithm from top to bottom, and ``clustering`` is the part of it that runs on the driver. The
``network``, the ``triplet_loss``, the ``settings`` and the signs of ``health`` are in files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from raycluster.methods.base import Clusters, Context, Method, Outcome
from raycluster.methods.jule.settings import PRESETS, SEARCH_SPACE, JuleSettings
from raycluster.methods.pretrained import pretrained_canvas

if TYPE_CHECKING:
    from raycluster.methods.jule.head import JuleHead
    from raycluster.methods.jule.network import JuleCNN

__all__ = ["METHOD", "JuleSettings"]


def _train(settings: JuleSettings, n_clusters: Clusters, context: Context) -> Outcome:
    """Train the method, on pixels or on frozen features."""
    if settings.backbone is not None:
        from raycluster.methods.jule.frozen import train_head

        return train_head(settings, n_clusters, context)
    from raycluster.methods.jule.train import train_jule

    return train_jule(settings, n_clusters, context)


def _build_network(architecture: Mapping[str, Any]) -> JuleCNN | JuleHead:
    """Return the network that ``model.json`` describes."""
    if architecture["name"] == "jule_head":
        from raycluster.methods.jule.head import JuleHead
        from raycluster.nn.backbone.network import Backbone

        return JuleHead(Backbone.rebuild(architecture["backbone"]))
    from raycluster.methods.jule.network import JuleCNN

    return JuleCNN(tuple(architecture["shape"]), architecture["embedding_size"], architecture.get("enlarge", 1))


def _epochs_between_checks(settings: JuleSettings) -> int:
    """Return the number of epochs in a period: the clusters change after each period."""
    return settings.epochs_per_period


def _pixel_clustering() -> Callable[..., Any]:
    """Return the driver function that clusters raw pixels."""
    from raycluster.methods.jule.clustering import cluster_pixels

    return cluster_pixels


METHOD = Method(
    name="jule",
    summary="JULE (CVPR 2016): alternately merge clusters and train a network; can find the number of clusters",
    settings=JuleSettings,
    presets=PRESETS,
    search_space=SEARCH_SPACE,
    train=_train,
    architectures=("jule_cnn", "jule_head"),
    build_network=_build_network,
    epochs_between_checks=_epochs_between_checks,
    finds_k=True,
    pixel_clustering=_pixel_clustering,
    canvas=pretrained_canvas,
)
