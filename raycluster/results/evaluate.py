"""How good the frozen features of a finished run are, on images of known class."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from raycluster.data.files.location import check_complete_address, public_name
from raycluster.data.files.sources import resolve_source
from raycluster.data.images import ImageSet, open_images
from raycluster.data.reading import Reading
from raycluster.errors import UserError
from raycluster.methods import METHODS, find_method
from raycluster.methods.saved_network import untrained_network
from raycluster.metrics.consensus import consensus_score
from raycluster.metrics.probe import few_label_accuracy, probe_accuracy
from raycluster.metrics.quality import clustering_quality
from raycluster.metrics.transfer import transfer_scores, verification_scores
from raycluster.nn.features import frozen_features
from raycluster.nn.network import Network
from raycluster.options import EvaluateOptions
from raycluster.remote.destination import results_in
from raycluster.remote.run_copy import copy_of
from raycluster.results.finished_run import finished_run, network_of
from raycluster.results.shift import shift_of_run
from raycluster.runtime.console import Console
from raycluster.runtime.files import write_json
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import ray_session
from raycluster.runtime.stand_in import deliver
from raycluster.runtime.units import count

MOST_IMAGES = 20_000


def evaluate_run(options: EvaluateOptions, console: Console | None = None) -> dict[str, Any]:
    """Train a classifier on the frozen features of each layer, and write ``evaluation.json`` into the run folder.

    Pixels, the embedding by random weights, and the trained embedding are compared: clustered by other algorithms, as a
    measure of whether pairs are of the same class, and classified with few labels. The scores of the run's clusters on
    these images are reported too: frozen as they are, and for ConCURL found anew; and with ``shift``, how well the
    clusters hold up on changed images.

    Parameters
    ----------
    options : EvaluateOptions
    console : Console, optional
        Shows progress and the results; by default on the standard output.

    Raises
    ------
    UserError
        If the run is not finished, no classes are known, or no image can be decoded.
    """
    place = results_in if "://" in options.run else copy_of
    with console or Console() as shown, place(options.run, shown) as run:
        return _evaluate_run(options, finished_run(run), shown)


def _evaluate_run(options: EvaluateOptions, run_dir: RunDir, console: Console) -> dict[str, Any]:
    before = run_dir.config()["identity"]
    summary, health, net = run_dir.summary(), run_dir.health(), network_of(run_dir)
    if options.shift and not net.assigns:
        raise UserError(
            f"--shift needs a network that assigns clusters itself, and that of {before['method']} does not."
        )
    data = resolve_source(options.data) if options.data else check_complete_address(before["data"], "--data")
    here = Reading("auto", options.exclude, options.frames, options.array)
    reading = here if options.data else Reading.of(before)
    if options.labels:
        reading = replace(reading, labels=options.labels)
    with ray_session(console):
        console.progress(f"looking at {public_name(data)}")
        images = open_images(data, reading, net.canvas)
        for note in images.notes:
            console.say(note)
        wanted = labeled_rows(images, options.seed)
        rows, pixels = images.take(wanted)
        if len(rows) < len(wanted):
            console.say(f"{count(len(wanted) - len(rows), 'image')} could not be decoded: {len(rows):,} are left.")
        if not len(rows):
            raise UserError(f"None of the images in {public_name(data)} could be decoded: choose others with --data.")
        labels = known_labels(images)[rows]
    console.progress("computing features")
    layers = frozen_features(net, pixels)
    found = {}
    for layer, features in layers.items():
        console.progress("training classifiers", f"training a classifier on {layer}")
        found[layer] = probe_accuracy(features, labels, options.seed)
    spaces = {"pixels": pixels.reshape(len(pixels), -1).astype(np.float32) / 255}
    if untrained := untrained_network(run_dir.path / "model", pixels, options.seed):
        spaces["untrained"] = list(frozen_features(untrained, pixels).values())[-1]
    spaces["embedding"] = list(layers.values())[-1]
    transfer, pairs, few = {}, {}, {}
    for space, features in spaces.items():
        console.progress("comparing with pixels", f"clustering and classifying by {space}")
        transfer[space] = transfer_scores(features, labels, options.seed)
        pairs[space] = verification_scores(features, labels, options.seed)
        few[space] = few_label_accuracy(features, labels, options.seed)
    console.progress("comparing clusterings")
    agreement = consensus_score(spaces["embedding"], min(summary.clusters, len(rows)), options.seed)
    result = {"data": images.source, "images": len(rows), "frozen": found, "consensus": agreement}
    result |= {"transfer": transfer, "pairs": pairs, "few_labels": few}
    last = {name: value for name, value in health.items() if name.startswith(("bcubed_", "probability_"))}
    result |= {"run": summary.quality, "training": last}
    console.progress("clustering")
    clusterings = clusters_on(net, before, pixels, labels, options.seed)
    result["clusterings"] = clusterings
    if options.shift:
        if options.data:
            names = run_dir.config()["class_names"]
            pixels, labels = in_numbers_of_run(pixels, labels, images.class_names, names, console)
        console.progress("evaluating changed images")
        result["shift"] = shift_of_run(run_dir, net, pixels, labels, options.seed, console)
    write_json(run_dir.path / "evaluation.json", result)
    deliver(run_dir.path)
    console.say(f"Classifier with one hidden layer on frozen features of {count(len(rows), 'image')} of known class:")
    for layer, scores in found.items():
        console.say(f"  {layer:<12} accuracy {scores['accuracy']:.3f} on {scores['test']:,} images not seen before")
    console.say("\n".join(comparison_lines(transfer, pairs, few)))
    console.say(
        f"Agreement of clusterings by k-means and graph degree linkage (no labels): {agreement['consensus']:.3f}"
    )
    for name, qualities in clusterings.items():
        parts = (f"{how} ACC {q['acc']:.3f} NMI {q['nmi']:.3f}" for how, q in qualities.items())
        console.say(f"  {name:<18} {', '.join(parts)}")
    for name, value in last.items():
        console.say(f"  {name.replace('_', ' '):<18} {value:.3f} at the end of the training")
    console.say(f"All results are in {run_dir.path / 'evaluation.json'}.")
    return result


def comparison_lines(
    transfer: dict[str, dict[str, dict[str, float]]],
    pairs: dict[str, dict[str, float]],
    few: dict[str, dict[str, dict[str, float]]],
) -> list[str]:
    """Return what was measured in each space as lines."""
    rows: dict[str, list[str]] = {"": list(transfer)}
    for algorithm in transfer["pixels"]:
        scores = [transfer[space][algorithm] for space in transfer]
        rows[f"{algorithm}, NMI / ACC"] = [f"{score['nmi_geometric']:.3f} / {score['acc']:.3f}" for score in scores]
    for name, title in (("auc", "area under the ROC"), ("accuracy", "accuracy")):
        rows[f"pairs, {title}"] = [f"{pairs[space][name]:.3f}" for space in pairs]
    for told in few["pixels"]:
        for how in ("neighbors", "linear"):
            rows[f"{count(int(told), 'label')} a class, {how}"] = [f"{few[space][told][how]:.3f}" for space in few]
    return [f"{title:<28}" + "".join(f"{cell:>18}" for cell in cells) for title, cells in rows.items()]


def labeled_rows(images: ImageSet, seed: int) -> np.ndarray:
    """Return the rows, ascending, of the images of known class, or of a sample if there are many."""
    rows = np.flatnonzero(known_labels(images) >= 0)
    if len(rows) > MOST_IMAGES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_IMAGES, replace=False))
    return rows


def known_labels(images: ImageSet) -> np.ndarray:
    """Return the known classes, int64 [n], -1 where unknown; an error if none is known."""
    if images.labels is None:
        raise UserError(
            "No image has a known class: choose --data with classes, or --labels folders if the folders are classes."
        )
    return images.labels


def clusters_on(
    net: Network, config: dict[str, Any], pixels: np.ndarray, labels: np.ndarray, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Score the clusters that a network gives images, by name of the clustering, and ``frozen`` or ``refitted``.

    Parameters
    ----------
    net : Network
    config : dict
        The method and the settings of its run.
    pixels : ndarray of uint8, shape (n, C, H, W)
    labels : ndarray of int, shape (n,)
    seed : int
    """
    if config["method"] not in METHODS:
        return {}
    method = find_method(config["method"])
    if method.recluster is None:
        return {}
    known = {field.name: config[field.name] for field in fields(method.settings) if field.name in config}
    found = method.recluster(net, pixels, method.settings(**known), seed)
    return {
        name: {how: clustering_quality(labels, clusters) for how, clusters in clusterings.items()}
        for name, clusterings in found.items()
    }


def in_numbers_of_run(
    pixels: np.ndarray, labels: np.ndarray, names: list[str] | None, names_of_run: list[str] | None, console: Console
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images whose classes the run knows too, with the run's numbers for these classes.

    Raises
    ------
    UserError
        If classes are numbers on one side and names on the other, or no class is known to both.
    """
    if names is None and names_of_run is None:
        return pixels, labels
    if names is None or names_of_run is None:
        raise UserError(
            "--shift needs classes with the same names as those of the run, but one of the two has only numbers."
        )
    number = {name: i for i, name in enumerate(names_of_run)}
    renumbered = np.array([number.get(name, -1) for name in names])[labels]
    others = sorted(set(names) - set(names_of_run))
    if (renumbered < 0).all():
        raise UserError(
            f"The run knows none of the classes of these images ({', '.join(others[:5])}): leave out --shift."
        )
    if others:
        console.say(f"Classes that the run does not know are left out of --shift: {', '.join(others)}")
    return pixels[renumbered >= 0], renumbered[renumbered >= 0]
