"""A fourth method, as small as a method can be: a linear autoencoder, and k-means on what it encodes."""

from collections.abc import Mapping
from typing import Any

from raycluster.methods.base import Method
from toy_method.network import ToyNet
from toy_method.settings import PRESETS, ToySettings
from toy_method.train import train_toy


def build_network(architecture: Mapping[str, Any]) -> ToyNet:
    return ToyNet(tuple(architecture["shape"]), architecture["n_clusters"])


def epochs_between_checks(settings: ToySettings) -> int:
    return 1


METHOD = Method(
    name="toy",
    summary="Toy: a linear autoencoder and k-means",
    settings=ToySettings,
    presets=PRESETS,
    search_space=("learning_rate=log:1e-3:1e-1",),
    train=train_toy,
    architectures=("toy_net",),
    build_network=build_network,
    epochs_between_checks=epochs_between_checks,
)
