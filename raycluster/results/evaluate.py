"""What a finished run's frozen features are worth on images of known class."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.data.images import ImageSet, open_images
from raycluster.data.sources import resolve_source
from raycluster.errors import UserError
from raycluster.methods.concurl.network import HEAD_SIZE, NCE_SIZE, ConcurlNet, ConcurlOutput
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.concurl.train import CLUSTERINGS, cluster_all, embed
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.load import Network
from raycluster.metrics.consensus import consensus_score
from raycluster.metrics.probe import probe_accuracy
from raycluster.metrics.quality import clustering_quality
from raycluster.nn.layers import layers_of
from raycluster.nn.pixels import rgb
from raycluster.results.finished_run import finished_run, network_of
from raycluster.results.shift import shift_of_run
from raycluster.runtime.console import Say, print_now
from raycluster.runtime.files import write_json
from raycluster.runtime.session import ray_session

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


def evaluate_run(options: EvaluateOptions, say: Say = print_now) -> dict[str, Any]:
    """Train a classifier on each layer's frozen features, and write ``evaluation.json`` into the run folder.

    It also tells the scores of the run's clusters on these images: frozen as they are, and for ConCURL found anew; and
    with ``shift``, how the clusters hold on changed images.

    Raises
    ------
    UserError
        If the run is not finished, or no classes are known.
    """
    run_dir = finished_run(options.run)
    before = run_dir.config()["identity"]
    net = network_of(run_dir, "to evaluate")
    if options.shift and isinstance(net, JuleCNN):
        raise UserError("--shift is for dccm and concurl: a run of jule keeps nothing to assign single images by.")
    data = resolve_source(options.data) if options.data and options.data != "digits" else options.data
    channels, height, width = net.shape
    with ray_session():
        images = open_images(
            data or before["data"],
            options.labels or ("auto" if options.data else before["labels"]),
            (height, width),
            "gray" if channels == 1 else "rgb",
        )
        rows, labels = labelled_rows(images, options.seed)
        pixels = images.take(rows)
    layers = frozen_features(net, pixels)
    found = {layer: probe_accuracy(features, labels, options.seed) for layer, features in layers.items()}
    embedding, clusters = list(layers.values())[-1], min(run_dir.summary().clusters, len(rows))
    agreement = consensus_score(embedding, clusters, options.seed)
    result = {"data": data or before["data"], "images": len(rows), "frozen": found, "consensus": agreement}
    last = {name: value for name, value in run_dir.health().items() if name.startswith(("bcubed_", "probability_"))}
    result |= {"run": run_dir.summary().quality, "training": last}
    clusterings = clusters_on(net, before, pixels, labels, options.seed)
    result["clusterings"] = clusterings
    if options.shift and not isinstance(net, JuleCNN):
        clustering = json.loads((run_dir.path / "model" / "model.json").read_text()).get("clustering", "")
        if options.data:
            pixels, labels = in_numbers_of_run(pixels, labels, images.class_names, run_dir.config()["class_names"], say)
        result["shift"] = shift_of_run(run_dir, net, clustering, pixels, labels, options.seed, say)
    write_json(run_dir.path / "evaluation.json", result)
    say(f"Classifier with one hidden layer on frozen features of {len(rows):,} images of known class:")
    for layer, scores in found.items():
        say(f"  {layer:<12} accuracy {scores['accuracy']:.3f} on {scores['test']:,} images that it had not seen")
    say(
        f"Consensus of clusterings by k-means and graph degree linkage, in which no labels count: "
        f"{agreement['consensus']:.3f}"
    )
    for name, found_how in clusterings.items():
        told = (f"{how} ACC {q['acc']:.3f} NMI {q['nmi']:.3f}" for how, q in found_how.items())
        say(f"  {name:<18} {', '.join(told)}")
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


def clusters_on(
    net: Network, told: dict[str, Any], pixels: np.ndarray, labels: np.ndarray, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Score the clusters that a network gives images, by name of the clustering.

    Parameters
    ----------
    net : network
        A JULE network keeps nothing to assign single images by, and has no such scores.
    told : dict
        What the run was told, its settings among it.
    pixels : ndarray of uint8, shape (n, C, H, W)
    labels : ndarray of int, shape (n,)
    seed : int

    Returns
    -------
    scores : dict
        ``frozen``: each image gets its cluster by the run's own centres or outputs; and for ConCURL ``refitted``:
        centres are found anew, and ``q_code`` is balanced over these images.
    """
    feed = ResidentFeed(pixels)
    if isinstance(net, DccmCNN):
        batches = (net(rgb(batch.images)) for batch in feed.eval_batches(BATCH))
        with torch.inference_mode():
            found = torch.cat([passed.probabilities.argmax(dim=1) for passed in batches]).numpy()
        return {"population": {"frozen": clustering_quality(labels, found)}}
    if not isinstance(net, ConcurlNet) or len(pixels) < net.n_clusters:
        return {}
    settings = ConcurlSettings(**{field.name: told[field.name] for field in fields(ConcurlSettings)})
    rows = embed(net, feed)[2]
    anew = cluster_all(rows, net.n_clusters, settings, seed)
    nce, head, cosines = torch.from_numpy(rows).split([NCE_SIZE, HEAD_SIZE, net.n_clusters], dim=1)
    frozen = {name: net.assign(ConcurlOutput(nce[:, :0], nce, head, cosines), name).numpy() for name in CLUSTERINGS}
    return {
        name: {"frozen": clustering_quality(labels, frozen[name]), "refitted": clustering_quality(labels, anew[name])}
        for name in CLUSTERINGS
    }


def in_numbers_of_run(
    pixels: np.ndarray, labels: np.ndarray, names: list[str] | None, names_of_run: list[str] | None, say: Say
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images whose classes the run knows too, with the numbers that these classes have there.

    Raises
    ------
    UserError
        If classes are numbers on one side and names on the other, or no class is known on both.
    """
    if names is None and names_of_run is None:
        return pixels, labels
    if names is None or names_of_run is None:
        raise UserError(
            "--shift needs classes that go by the same names as those of the run, but one of them has numbers only."
        )
    number = {name: i for i, name in enumerate(names_of_run)}
    renumbered = np.array([number.get(name, -1) for name in names])[labels]
    others = sorted(set(names) - set(names_of_run))
    if (renumbered < 0).all():
        raise UserError(f"No class of these images ({', '.join(others[:5])}) is one of the run's: --shift has nothing.")
    if others:
        say(f"Classes that the run does not know are left out of --shift: {', '.join(others)}")
    return pixels[renumbered >= 0], renumbered[renumbered >= 0]


@torch.inference_mode()
def frozen_features(net: Network, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features of images uint8 [n, C, H, W] by name of their layer, float32 [n, d]; the embedding last."""
    parts: dict[str, list[torch.Tensor]] = {}
    device = next(net.parameters()).device
    for images in torch.from_numpy(pixels).split(BATCH):
        for name, values in layers_of(net, images.to(device)).items():
            parts.setdefault(name, []).append(values)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}
