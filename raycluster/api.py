"""``raycluster.train``, ``.embed``, ``.cluster`` and ``.assign``: what the jobs of these names do, from Python."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from raycluster.data.sources import resolve_source
from raycluster.errors import UserError
from raycluster.methods import find_method
from raycluster.runtime.paths import absolute_out, under_job_submit
from raycluster.runtime.summary import RunSummary
from raycluster.training.trainer import TrainingRun, run_training

if TYPE_CHECKING:
    from raycluster.embedding.embed import EmbedSummary
    from raycluster.results.assign import AssignSummary


@dataclass(frozen=True)
class TrainOptions:
    """What every method is told."""

    data: str = "digits"
    """Where the images are: a folder (searched to the bottom), a file or a glob, here or behind a URI; image files,
    Parquet, NPZ, IDX or WebDataset tar. Or: digits, the small set that comes with scikit-learn."""
    clusters: int | Literal["auto"] | None = None
    """K, how many clusters to find; auto: as many as the merge tree and its graph show, chosen anew as features get
    better."""
    out: str | None = None
    """The run folder; by default runs/DATA-METHOD-seedS. The same command again continues what was begun there."""
    seed: int = 0
    """Starts the random numbers; on one worker without a GPU the same seed gives the same result."""
    workers: int | None = None
    """How many processes train together; by default one a GPU, or one in all without GPUs."""
    gpus_per_worker: float | None = None
    """GPUs each of them gets; by default 0.9 of one, so that the driver actor has the rest, and 0 without GPUs."""
    feed: Literal["auto", "resident", "streaming"] = "auto"
    """Hold all images in memory (resident) or decode them anew every epoch (streaming); by default what fits."""
    image_size: int | tuple[int, int] | Literal["original"] | None = None
    """Side of a square, or height and width, that the images are brought to; by default chosen, and told."""
    color: Literal["keep", "gray", "rgb"] = "keep"
    """Keep grey sets grey and colour sets in colour, or turn all to one of them."""
    labels: Literal["auto", "folders"] = "auto"
    """Where known classes are found, for reporting only: in the files, or in the names of their folders."""


def train(
    data: str = TrainOptions.data,
    clusters: int | Literal["auto"] | None = TrainOptions.clusters,
    out: str | os.PathLike[str] | None = TrainOptions.out,
    seed: int = TrainOptions.seed,
    *,
    method: str = "jule",
    preset: str = "default",
    workers: int | None = TrainOptions.workers,
    gpus_per_worker: float | None = TrainOptions.gpus_per_worker,
    feed: Literal["auto", "resident", "streaming"] = TrainOptions.feed,
    image_size: int | tuple[int, int] | Literal["original"] | None = TrainOptions.image_size,
    color: Literal["keep", "gray", "rgb"] = TrainOptions.color,
    labels: Literal["auto", "folders"] = TrainOptions.labels,
    **settings: Any,
) -> RunSummary:
    """Cluster images: train, and write the run folder, or continue what was begun there.

    Parameters
    ----------
    data, clusters, out, seed, workers, gpus_per_worker, feed, image_size, color, labels
        See :class:`TrainOptions`.
    method : str
    preset : str
        The settings to start from: ``default`` or ``paper``, or another that the method has.
    **settings
        Settings of the method, by the names of its settings class.

    Returns
    -------
    summary : RunSummary

    Raises
    ------
    UserError
        If something about the input, the settings or the cluster does not allow the run; a sentence says what.

    Examples
    --------
    >>> summary = raycluster.train("photos/", clusters=20, unroll_rate=0.2)  # doctest: +SKIP
    >>> summary.quality["rc"]["nmi"]  # doctest: +SKIP
    """
    chosen = find_method(method)
    if preset not in chosen.presets:
        raise UserError(f"There is no preset {preset!r}: choose one of {', '.join(chosen.presets)}.")
    _check_names(method, settings, chosen.settings)
    options = TrainOptions(
        data, clusters, str(out) if out else None, seed, workers, gpus_per_worker, feed, image_size, color, labels
    )
    return train_with(options, method, dataclasses.replace(chosen.presets[preset], **settings))


def cluster(
    embeddings: str | os.PathLike[str], clusters: int | Literal["auto"], out: str | os.PathLike[str], **settings: Any
) -> RunSummary:
    """Cluster vectors by graph degree linkage, and write the results to ``out``.

    Parameters
    ----------
    embeddings, clusters, out
        See :class:`raycluster.clustering.cluster_vectors.ClusterOptions`.
    **settings
        Its other fields.

    Raises
    ------
    UserError
        If something about the input or the folder does not allow it; a sentence says what.
    """
    from raycluster.clustering.cluster_vectors import ClusterOptions, cluster_vectors

    _check_names("cluster", settings, ClusterOptions)
    return cluster_vectors(
        ClusterOptions(embeddings=os.fspath(embeddings), clusters=clusters, out=os.fspath(out), **settings)
    )


def embed(
    model: str | os.PathLike[str], data: str | os.PathLike[str], out: str | os.PathLike[str], **settings: Any
) -> EmbedSummary:
    """Embed images with a trained network, and write the embeddings to ``out``; continue what was begun there.

    Parameters
    ----------
    model, data, out
        See :class:`raycluster.embedding.embed.EmbedOptions`.
    **settings
        Its other fields.

    Raises
    ------
    UserError
        If something about the input, the folder or the cluster does not allow it; a sentence says what.
    """
    from raycluster.embedding.embed import EmbedOptions, embed_source

    _check_names("embed", settings, EmbedOptions)
    return embed_source(EmbedOptions(model=os.fspath(model), data=os.fspath(data), out=os.fspath(out), **settings))


def assign(model: str | os.PathLike[str], data: str, out: str | os.PathLike[str], **settings: Any) -> AssignSummary:
    """Assign new images to the clusters of a finished run, and write one row for each to the Parquet file ``out``.

    Parameters
    ----------
    model, data, out
        See :class:`raycluster.results.assign.AssignOptions`.
    **settings
        Its other fields.

    Raises
    ------
    UserError
        If something about the run, the images or the file does not allow it; a sentence says what.
    """
    from raycluster.results.assign import AssignOptions, assign_images

    _check_names("assign", settings, AssignOptions)
    return assign_images(AssignOptions(model=os.fspath(model), data=data, out=os.fspath(out), **settings))


def train_with(options: TrainOptions, method: str, settings: Any) -> RunSummary:
    """Do what :func:`train` does, with the settings in hand."""
    chosen = find_method(method)
    clusters = options.clusters
    if clusters == "auto" and not chosen.finds_k:
        raise UserError(
            f"{method} cannot choose the number of clusters, since its network is built for a certain one: give "
            "--clusters K, or let jule choose."
        )
    if clusters is None:
        if options.data != "digits":
            raise UserError(
                f"How many clusters are there in {options.data}? Give their number, --clusters K, or let it be chosen, "
                "--clusters auto."
            )
        clusters = 10
    data = resolve_source(options.data)
    given = {name: getattr(options, name) for name in ("seed", "labels", "image_size", "color")}
    given |= {name: getattr(options, name) for name in ("workers", "gpus_per_worker", "feed")}
    out = str(out_folder(options, method))
    return run_training(TrainingRun(chosen, settings, data, clusters, out, **given))


def out_folder(options: TrainOptions, method: str) -> Path:
    """Return the run folder as an absolute path."""
    if options.out is not None:
        return absolute_out(options.out)
    source = re.sub(r"[^\w.-]+", "-", options.data.rstrip("/*").rsplit("/", 1)[-1]).strip("-.") or "images"
    name = f"{source}-{method}-seed{options.seed}"
    return absolute_out(name if under_job_submit() else f"runs/{name}")


def _check_names(method: str, settings: dict[str, Any], known_by: type) -> None:
    known = [field.name for field in dataclasses.fields(known_by)]
    for name in settings:
        if name not in known:
            raise UserError(f"{method} has no setting {name!r}; it has {', '.join(known)}.")
