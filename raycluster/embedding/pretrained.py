"""The pretrained network that options ask for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from raycluster.nn.backbone.load import load_backbone
from raycluster.nn.backbone.network import Backbone
from raycluster.options import DEFAULT_BACKBONE, BackboneOptions
from raycluster.runtime.console import Console
from raycluster.runtime.units import count


def backbone_name(options: BackboneOptions) -> str:
    """Return the name of the network that is asked for."""
    return options.backbone or DEFAULT_BACKBONE


def prepared_by(options: BackboneOptions) -> dict[str, Any]:
    """Return what decides the embeddings, as a part of an identity; the weights are compared by content."""
    known: dict[str, Any] = {"backbone": backbone_name(options), "image_size": options.image_size, "fit": options.fit}
    return known | {"value_range": options.value_range and list(options.value_range)}


def load_pretrained(options: BackboneOptions, console: Console) -> tuple[Backbone, str]:
    """Return the network that is asked for, ready to predict, and a fingerprint of its weights; say what it is.

    Raises
    ------
    UserError
        If there is no such network, or its weights are out of reach or do not fit.
    """
    name = backbone_name(options)
    console.progress(f"loading {name}")
    net, path = load_backbone(name, Path(options.weights) if options.weights else None, options.image_size)
    net.fit, net.value_range = options.fit or net.fit, options.value_range
    license_ = f", {net.license}" if net.license else ""
    side, numbers = net.shape[1], count(net.embedding_size, "number")
    console.say(f"{name} ({net.library}{license_}): images of {side} x {side} pixels, embeddings of {numbers}")
    return net, fingerprint_of(path)


def fingerprint_of(*paths: Path) -> str:
    """Return a digest of the content of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
