"""What a finished run's frozen features are worth on images of known class."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from raycluster.data.images import ImageSet, open_images
from raycluster.data.sources import absolute_source
from raycluster.errors import UserError
from raycluster.evaluate.consensus import consensus_score
from raycluster.evaluate.frozen import classify_frozen
from raycluster.export.shift import shift_of_run
from raycluster.models.dccm_cnn import DccmCNN, rgb
from raycluster.models.jule_cnn import JuleCNN
from raycluster.models.load import Network, load_model
from raycluster.models.resnet import ConcurlNet
from raycluster.training.cluster import ray_cluster
from raycluster.training.progress import Say, say_at_once
from raycluster.training.run_dir import RunDir, write_json

MOST_IMAGES = 20_000
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Which run is evaluated, and on what."""

    run: str
    """The folder of a finished run."""
    data: str | None = None
    """Other images with known classes, as jobs/train.py takes them; by default those of the run."""
    labels: Literal["auto", "folders"] | None = None
    """Where known classes are found, as for jobs/train.py; by default as in the run, or auto for other images."""
    seed: int = 0
    """Draws the images that the classifier is trained on; the others try it."""
    shift: bool = False
    """Also change up to 1,000 of the images in one factor at a time, and see how the run's clusters hold."""


def evaluate_run(options: EvaluateOptions, say: Say = say_at_once) -> dict[str, Any]:
    """Train a classifier on each layer's frozen features, and write ``evaluation.json`` into the run folder.

    With ``shift``, also tell how the clusters hold on changed images.

    Raises
    ------
    UserError
        If the run is not finished, or no classes are known.
    """
    run_dir = RunDir(Path(options.run).expanduser())
    if not (run_dir.path / "summary.json").exists():
        raise UserError(f"{run_dir.path} holds no finished run: name the folder of one, or finish it first.")
    before = run_dir.config()["identity"]
    if before["method"] not in ("jule", "dccm", "concurl"):
        raise UserError(f"{run_dir.path} holds a clustering of vectors, without a network to evaluate.")
    net = load_model(run_dir.path / "model")
    if options.shift and isinstance(net, JuleCNN):
        raise UserError("--shift is for dccm and concurl: a run of jule keeps nothing to assign single images by.")
    data = absolute_source(options.data) if options.data and options.data != "digits" else options.data
    channels, height, width = net.shape
    with ray_cluster():
        images = open_images(
            data or before["data"],
            options.labels or ("auto" if options.data else before["labels"]),
            (height, width),
            "gray" if channels == 1 else "rgb",
        )
        rows, labels = labelled_rows(images, options.seed)
        pixels = images.take(rows)
    layers = frozen_features(net, pixels)
    found = {layer: classify_frozen(features, labels, options.seed) for layer, features in layers.items()}
    embedding, clusters = list(layers.values())[-1], min(run_dir.summary().clusters, len(rows))
    agreement = consensus_score(embedding, clusters, options.seed)
    result = {"data": data or before["data"], "images": len(rows), "frozen": found, "consensus": agreement}
    last = {name: value for name, value in run_dir.health().items() if name.startswith(("bcubed_", "probability_"))}
    result |= {"run": run_dir.summary().quality, "training": last}
    if options.shift and not isinstance(net, JuleCNN):
        clustering = json.loads((run_dir.path / "model" / "model.json").read_text()).get("clustering", "")
        result["shift"] = shift_of_run(run_dir, net, clustering, pixels, labels, options.seed, say)
    write_json(run_dir.path / "evaluation.json", result)
    say(f"Classifier with one hidden layer on frozen features of {len(rows):,} images of known class:")
    for layer, scores in found.items():
        say(f"  {layer:<12} accuracy {scores['accuracy']:.3f} on {scores['test']:,} images that it had not seen")
    say(
        f"Consensus of clusterings by k-means and graph degree linkage, in which no labels count: "
        f"{agreement['consensus']:.3f}"
    )
    for name, value in last.items():
        say(f"  {name.replace('_', ' '):<18} {value:.3f} at the end of the training")
    say(f"Written to {run_dir.path / 'evaluation.json'}")
    return result


def labelled_rows(images: ImageSet, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, rising, and labels of the images of known class, or of a sample of them where there are many."""
    rows = np.empty(0, np.int64) if images.labels is None else np.flatnonzero(images.labels >= 0)
    if len(rows) == 0 or images.labels is None:
        raise UserError("No image has a known class: name a source that has them, or --labels folders.")
    if len(rows) > MOST_IMAGES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_IMAGES, replace=False))
    return rows, images.labels[rows]


@torch.inference_mode()
def frozen_features(net: Network, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features of images uint8 [n, C, H, W] by name of their layer, float32 [n, d]; the embedding last."""
    parts: dict[str, list[torch.Tensor]] = {}
    device = next(net.parameters()).device
    for images in (batch.to(device) for batch in torch.from_numpy(pixels).split(BATCH)):
        if isinstance(net, DccmCNN):
            passed = net(rgb(images))
            layers = {"conv": passed.conv, "fc": passed.features}
        elif isinstance(net, ConcurlNet):
            seen = net(rgb(images))
            layers = {"trunk": seen.features, "head": seen.head, "nce": seen.nce}
        else:
            layers = {"embedding": net(images.float() / 255)}
        for name, values in layers.items():
            parts.setdefault(name, []).append(values)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}
