"""What the commands do, from Python: a function for each, with the options of its command as parameters."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from raycluster.data.canvas import Fit, ImageSize
from raycluster.data.files.location import public_name
from raycluster.data.files.sources import resolve_source
from raycluster.data.reading import Frames, LabelSource
from raycluster.errors import UserError
from raycluster.methods import METHODS, find_method
from raycluster.options import (
    DEFAULT_METHOD,
    DEFAULT_OBJECTIVE,
    AssignOptions,
    ClusterOptions,
    Color,
    EmbedOptions,
    EvaluateOptions,
    ExportFormat,
    ExportOptions,
    FeedMode,
    Rival,
    Scheduler,
    Search,
    ShowOptions,
    SweepOptions,
    TrainOptions,
    Transfer,
    VectorMetric,
)
from raycluster.remote.destination import results_in
from raycluster.runtime.console import Console
from raycluster.runtime.paths import under_job_submit
from raycluster.runtime.resources import parse_workers
from raycluster.runtime.summary import RunSummary

if TYPE_CHECKING:
    from raycluster.embedding.embed import EmbedSummary
    from raycluster.graph.settings import GraphSettings
    from raycluster.results.assignment import AssignSummary

StrPath = str | os.PathLike[str]


def train(
    data: StrPath = "digits",
    clusters: int | Literal["auto"] | None = None,
    out: StrPath | None = None,
    seed: int = 0,
    *,
    method: str | None = None,
    preset: str = "default",
    settings: Any = None,
    workers: int | str | None = None,
    gpus_per_worker: float | None = None,
    feed: FeedMode = "auto",
    image_size: ImageSize | None = None,
    color: Color = "keep",
    fit: Fit = "pad",
    value_range: tuple[float, float] | None = None,
    labels: LabelSource = "auto",
    exclude: Sequence[str] = (),
    frames: Frames = "first",
    array: str | None = None,
) -> RunSummary:
    """Train a clustering method on images, and write a run folder, or continue the run in it.

    Parameters
    ----------
    data : path-like
        The images: a folder with its subfolders, a file, a glob or a URI of image files, Parquet, NPZ, IDX or
        WebDataset tar files; or ``digits``, a small set that comes with scikit-learn.
    clusters : int or "auto", optional
        K, the number of clusters; JULE can choose it itself, with "auto". By default 10 for the digits; for other data
        it is required.
    out : path-like, optional
        The run folder, or its URI as a str; by default ``runs/DATA-METHOD-seedN``.
    seed : int
        The seed of all random numbers; on one worker without a GPU, the same seed gives the same result.
    method : str, optional
        ``jule``, ``dccm`` or ``concurl``; by default the one that ``settings`` belong to, or else JULE.
    preset : str
        The settings to train with, unless ``settings`` are given: ``default``, ``paper``, or another that the method
        has.
    settings : JuleSettings, DccmSettings or ConcurlSettings, optional
        The settings of the method, from its module ``raycluster.methods.METHOD.settings``.
    workers : int or str, optional
        The number of processes that train together; or the fewest and the most, such as "1:4", to follow the machines
        of a cluster. By default one per GPU, or one if there is no GPU.
    gpus_per_worker : float, optional
        GPUs for each worker; by default 0.9 of one, so that the driver actor has the rest, or 0 if there is no GPU.
    feed : {"auto", "resident", "streaming"}
        Hold all images in memory, or stream prepared copies from disk; by default what fits.
    image_size : int, (int, int) or "original", optional
        Resize images to squares of this side, or to this height and width; by default chosen from the images and
        printed.
    color : {"keep", "gray", "rgb"}
        Convert all images, or leave them as they are.
    fit : {"pad", "crop"}
        Images of another shape than the rest are padded with the color of their border, or cropped to the middle.
    value_range : (float, float), optional
        What becomes black and white in images of more than 8 bits; by default found from all images.
    labels : {"auto", "folders", "last-folders"}
        Where known classes are found, for reporting only: in the files, in the first folders below ``data``, or in the
        folders that directly contain the images.
    exclude : sequence of str
        Reject files and folders that match these patterns.
    frames : {"first", "all"}
        Which frames of animations, and pages of TIFF files, are images of their own.
    array : str, optional
        The array of an NPZ file that holds the images.

    Returns
    -------
    summary : RunSummary
        How many images there were, their clusters, the scores and the times.

    Raises
    ------
    UserError
        If the input, the settings or the cluster do not allow the run; a sentence says why.
    TrainingFailed
        If the training broke down; the same call continues it.

    Examples
    --------
    >>> summary = raycluster.train("photos/", clusters=20)  # doctest: +SKIP
    >>> settings = JuleSettings(unroll_rate=0.2)  # doctest: +SKIP
    >>> summary = raycluster.train("faces/", clusters=20, settings=settings, labels="folders")  # doctest: +SKIP
    >>> summary.quality["rc"]["nmi"]  # doctest: +SKIP
    """
    name, settings = _method_and_settings(method, preset, settings)
    options = TrainOptions(
        data=os.fspath(data),
        clusters=clusters,
        out=None if out is None else os.fspath(out),
        seed=seed,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        feed=feed,
        image_size=image_size,
        color=color,
        fit=fit,
        value_range=value_range,
        labels=labels,
        exclude=tuple(exclude),
        frames=frames,
        array=array,
    )
    return train_with(options, name, settings)


def embed(
    data: StrPath,
    *,
    out: StrPath,
    model: StrPath | None = None,
    backbone: str | None = None,
    weights: StrPath | None = None,
    image_size: int | None = None,
    fit: Fit | None = None,
    value_range: tuple[float, float] | None = None,
    labels: LabelSource = "auto",
    exclude: Sequence[str] = (),
    frames: Frames = "first",
    array: str | None = None,
    workers: int | None = None,
    gpus_per_worker: float | None = None,
) -> EmbedSummary:
    """Embed images with the network of a run or with a pretrained one, each image exactly once.

    Called again, it does what an interruption left undone, embeds new and changed files, and removes the rows of
    deleted ones.

    Parameters
    ----------
    data : path-like
        The images, as for :func:`train`.
    out : path-like
        The folder for the embeddings, or its URI as a str.
    model : path-like, optional
        The folder of a finished run, or its URI, whose network embeds.
    backbone, weights, image_size, fit, value_range
        Without a ``model``, which pretrained network embeds, as for :func:`cluster`.
    labels : {"auto", "folders", "last-folders"}
        Where known classes are found, to be written next to the embeddings: in the files, in the first folders below
        ``data``, or in the folders that directly contain the images.
    exclude : sequence of str
        Reject files and folders that match these patterns.
    frames : {"first", "all"}
        Which frames of animations, and pages of TIFF files, are images of their own.
    array : str, optional
        The array of an NPZ file that holds the images.
    workers : int, optional
        The number of processes that embed; by default one per GPU, or without GPUs one per core, at most 8 a machine.
    gpus_per_worker : float, optional
        GPUs for each worker; by default 0.9 of one, or 0 if there is no GPU.

    Returns
    -------
    summary : EmbedSummary
        How many images were embedded and rejected, and how long it took.

    Raises
    ------
    UserError
        If the input, the folder or the cluster do not allow it; a sentence says why.
    TrainingFailed
        If Ray broke down; the same call goes on from there.
    """
    from raycluster.embedding.embed import embed_source

    return embed_source(
        EmbedOptions(
            model=None if model is None else os.fspath(model),
            data=os.fspath(data),
            out=os.fspath(out),
            backbone=backbone,
            weights=None if weights is None else os.fspath(weights),
            image_size=image_size,
            fit=fit,
            value_range=value_range,
            labels=labels,
            exclude=tuple(exclude),
            frames=frames,
            array=array,
            workers=workers,
            gpus_per_worker=gpus_per_worker,
        )
    )


def cluster(
    data: StrPath | None = None,
    *,
    out: StrPath,
    clusters: int | Literal["auto"] = "auto",
    backbone: str | None = None,
    weights: StrPath | None = None,
    image_size: int | None = None,
    fit: Fit | None = None,
    value_range: tuple[float, float] | None = None,
    labels: LabelSource = "auto",
    exclude: Sequence[str] = (),
    frames: Frames = "first",
    array: str | None = None,
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    embeddings: StrPath | None = None,
    column: str | None = None,
    metric: VectorMetric | None = None,
    compare: Sequence[Rival] = (),
    settings: GraphSettings | None = None,
) -> RunSummary:
    """Cluster images by the features of a pretrained network, or vectors, by graph degree linkage.

    Called again on images, it does what an interruption left undone; of a set that has grown it embeds only what is
    new, clusters all images again, and says what has moved.

    Parameters
    ----------
    data : path-like, optional
        The images, as for :func:`train`.
    out : path-like
        The run folder, or its URI as a str.
    clusters : int or "auto"
        K, the number of clusters; "auto" chooses it from the graph and the merge tree.
    backbone : str, optional
        A network of timm or torchvision; by default a small DINOv2, ``vit_small_patch14_reg4_dinov2.lvd142m``.
    weights : path-like, optional
        Its weights: a safetensors file, or a state dict (.pth) of nothing but tensors; by default the published ones,
        which are fetched once.
    image_size : int, optional
        The side of the squares that images are brought to; by default the network's own.
    fit : {"pad", "crop"}, optional
        Whether images that are not square are padded or cropped; by default cropped.
    value_range : (float, float), optional
        What becomes black and white in images of more than 8 bits; by default found from the images.
    labels : {"auto", "folders", "last-folders"}
        Where known classes are found, for reporting only: in the files, in the first folders below ``data``, or in the
        folders that directly contain the images.
    exclude : sequence of str
        Reject files and folders that match these patterns.
    frames : {"first", "all"}
        Which frames of animations, and pages of TIFF files, are images of their own.
    array : str, optional
        The array of an NPZ file that holds the images.
    workers : int, optional
        The number of processes that embed; by default one per GPU, or without GPUs one per core, at most 8 a machine.
    gpus_per_worker : float, optional
        GPUs for each worker; by default 0.9 of one, or 0 if there is no GPU.
    embeddings : path-like, optional
        Vectors instead of images: a folder, a file or a glob of Parquet with a column of vectors, or of NPY.
    column : str, optional
        The column of the vectors in Parquet; by default ``embedding``, or else the only column of vectors.
    metric : {"cosine", "centered", "euclidean"}, optional
        Compare directions of vectors, directions from their mean, or plain distances; by default "centered" for
        features of pretrained networks that :func:`embed` or this function has made, or else "cosine".
    compare : sequence of {"spectral", "hdbscan", "evoc"}
        Also cluster by these methods, and show how they compare.
    settings : GraphSettings, optional
        The graph and the merging, from :mod:`raycluster.graph.settings`.

    Returns
    -------
    summary : RunSummary
        How many images or vectors there were, their clusters, the scores and the times.

    Raises
    ------
    UserError
        If the input or the folder do not allow it; a sentence says why.
    TrainingFailed
        If Ray broke down; the same call goes on from there.

    Examples
    --------
    >>> summary = raycluster.cluster("photos/", out="runs/photos")  # doctest: +SKIP
    >>> summary = raycluster.cluster(embeddings="vectors.npy", clusters=20, out="c20")  # doctest: +SKIP
    """
    options = ClusterOptions(
        data=None if data is None else os.fspath(data),
        out=os.fspath(out),
        clusters=clusters,
        backbone=backbone,
        weights=None if weights is None else os.fspath(weights),
        image_size=image_size,
        fit=fit,
        value_range=value_range,
        labels=labels,
        exclude=tuple(exclude),
        frames=frames,
        array=array,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        embeddings=None if embeddings is None else os.fspath(embeddings),
        column=column,
        metric=metric,
        compare=tuple(compare),
        **({} if settings is None else asdict(settings)),
    )
    return cluster_with(options)


def cluster_with(options: ClusterOptions, console: Console | None = None) -> RunSummary:
    """Do what :func:`cluster` does, with the options in hand.

    Parameters
    ----------
    options : ClusterOptions
    console : Console, optional
        Takes each sentence for the terminal.

    Returns
    -------
    summary : RunSummary

    Raises
    ------
    UserError
        If the input or the folder do not allow it.
    """
    if options.data is None:
        from raycluster.clustering.cluster_vectors import cluster_vectors

        return cluster_vectors(options, console)
    from raycluster.clustering.cluster_images import cluster_images

    return cluster_images(options, console)


def assign(
    model: StrPath,
    data: StrPath,
    out: StrPath,
    *,
    refuse_above: float = 1.0,
    labels: LabelSource = "auto",
    exclude: Sequence[str] = (),
    frames: Frames = "first",
    array: str | None = None,
) -> AssignSummary:
    """Assign new images, or vectors, to the clusters of a finished run, and write one row for each of them.

    Parameters
    ----------
    model : path-like
        The folder of a finished run, or of a clustering of vectors, or its URI as a str.
    data : path-like
        The new images, as for :func:`train`, or vectors, as for :func:`cluster`.
    out : path-like
        The Parquet file for the results, or its URI.
    refuse_above : float
        Leave an image or vector unassigned if the nearest one of the run is farther away than this many times the
        distance that 99 of 100 in the run have to their own nearest one; infinity assigns all.
    labels : {"auto", "folders", "last-folders"}
        Where known classes are found, for reporting only: in the files, in the first folders below ``data``, or in the
        folders that directly contain the images.
    exclude : sequence of str
        Reject files and folders that match these patterns.
    frames : {"first", "all"}
        Which frames of animations, and pages of TIFF files, are images of their own.
    array : str, optional
        The array of an NPZ file that holds the images.

    Returns
    -------
    summary : AssignSummary
        How many images were assigned, refused and unreadable, and the scores if classes are known.

    Raises
    ------
    UserError
        If the run, the images or the file do not allow it; a sentence says why.
    """
    from raycluster.results.assign import assign as assign_with

    return assign_with(
        AssignOptions(
            model=os.fspath(model),
            data=os.fspath(data),
            out=os.fspath(out),
            refuse_above=refuse_above,
            labels=labels,
            exclude=tuple(exclude),
            frames=frames,
            array=array,
        )
    )


def evaluate(
    run: StrPath,
    data: StrPath | None = None,
    *,
    labels: LabelSource | None = None,
    exclude: Sequence[str] = (),
    frames: Frames = "first",
    array: str | None = None,
    seed: int = 0,
    shift: bool = False,
) -> dict[str, Any]:
    """Find out what the features of a finished run know about classes, and write ``evaluation.json`` into its folder.

    Parameters
    ----------
    run : path-like
        The folder of a finished run, or its URI as a str.
    data : path-like, optional
        Other images with known classes, as for :func:`train`; by default those of the run.
    labels : {"auto", "folders", "last-folders"}, optional
        Where known classes are found: in the files, or in the names of the first or the last folders; by default as in
        the run, or "auto" for other images.
    exclude : sequence of str
        Patterns of files and folders among other images to leave out, such as ``*_thumb.jpg``.
    frames : {"first", "all"}
        Which frames of animations, and which pages of TIFF files, are used of other images.
    array : str, optional
        The array with other images in NPZ files; by default ``images``, or it is found.
    seed : int
        Decides which images train the classifier, and which test it.
    shift : bool
        Also change up to 1,000 images in one factor at a time, and see whether they stay in their clusters. For
        networks that assign clusters, those of DCCM and ConCURL.

    Returns
    -------
    result : dict
        The content of ``evaluation.json``.

    Raises
    ------
    UserError
        If the run is not finished, or no classes are known.
    """
    from raycluster.results.evaluate import evaluate_run

    return evaluate_run(
        EvaluateOptions(
            run=os.fspath(run),
            data=None if data is None else os.fspath(data),
            labels=labels,
            exclude=tuple(exclude),
            frames=frames,
            array=array,
            seed=seed,
            shift=shift,
        )
    )


def export(
    run: StrPath,
    format: ExportFormat,
    out: StrPath,
    *,
    names: StrPath | None = None,
    clusters: int | None = None,
    data: StrPath | None = None,
    embeddings: StrPath | None = None,
    transfer: Transfer = "copy",
    execute: bool = False,
    images: bool = True,
    seed: int = 0,
) -> Path | str:
    """Write the results of a run or of a clustering as folders, lists and tables that people and other tools open.

    Parameters
    ----------
    run : path-like
        The folder of a run or of a clustering, or its URI as a str; for atlas, numpy and clip-retrieval also of
        embeddings.
    format : {"folders", "csv", "coco", "imagefolder", "fiftyone", "atlas", "numpy", "clip-retrieval"}
        Folders with the images of each cluster, a CSV file, COCO JSON, metadata for Hugging Face's ``imagefolder``, a
        dataset for FiftyOne, a Parquet file for embedding-atlas, a folder of NPY files, or a folder that clip-retrieval
        and autofaiss read.
    out : path-like
        The file or folder for the results, or its URI.
    names : path-like, optional
        The file of names and wrong images that was saved on the report page.
    clusters : int, optional
        Cut the merge tree at this many clusters; by default those of ``names``, or else those of the run.
    data : path-like, optional
        Where the images are; by default where the run found them.
    embeddings : path-like, optional
        For atlas, numpy and clip-retrieval, where the embeddings are; by default in the folder, or where it was
        clustered from.
    transfer : {"copy", "hardlink", "symlink", "script"}
        For folders, copy the images, make links to them, or write a shell script that moves them.
    execute : bool
        For folders, do it, rather than only say what would be done.
    images : bool
        For atlas, put the images into the file, shrunk to a long side of 160 pixels.
    seed : int
        For atlas, the seed of the projection to two dimensions.

    Returns
    -------
    path : Path, or str for a URI
        Where the results are.

    Raises
    ------
    UserError
        If the folder, the names or ``out`` do not allow it; a sentence says why.
    """
    from raycluster.results.export import export_run

    return export_run(
        ExportOptions(
            run=os.fspath(run),
            format=format,
            out=os.fspath(out),
            names=None if names is None else os.fspath(names),
            clusters=clusters,
            data=None if data is None else os.fspath(data),
            embeddings=None if embeddings is None else os.fspath(embeddings),
            transfer=transfer,
            execute=execute,
            images=images,
            seed=seed,
        )
    )


def sweep(
    data: StrPath,
    clusters: int | Literal["auto"] | None,
    out: StrPath,
    *,
    method: str = DEFAULT_METHOD,
    preset: str = "default",
    trials: int | None = None,
    space: Sequence[str] = (),
    fixed: Sequence[str] = (),
    search: Search = "random",
    scheduler: Scheduler = "none",
    objective: str = DEFAULT_OBJECTIVE,
    max_concurrent: int | None = None,
    time_budget: float | None = None,
    seed: int = 0,
    gpus_per_trial: float | None = None,
    workers: int | None = None,
    image_size: ImageSize | None = None,
    color: Color = "keep",
    fit: Fit = "pad",
    value_range: tuple[float, float] | None = None,
    labels: LabelSource = "auto",
    exclude: Sequence[str] = (),
    frames: Frames = "first",
    array: str | None = None,
) -> dict[str, Any]:
    """Find good settings of a method: train with many, and see which do best.

    Called again, it keeps the finished trials and continues the others.

    Parameters
    ----------
    data : path-like
        The images, as for :func:`train`.
    clusters : int, "auto" or None
        K, the number of clusters, as for :func:`train`; None if it is varied.
    out : path-like
        The folder of the sweep, or its URI as a str.
    method : str
        ``jule``, ``dccm`` or ``concurl``.
    preset : str
        The settings that every trial starts from.
    trials : int, optional
        How many settings to try; by default 20, or the whole grid. The first trial has the settings of the preset.
    space : sequence of str
        What to vary: ``NAME=LOW:HIGH``, ``NAME=log:LOW:HIGH`` or ``NAME=A,B,C`` each, with the name of a setting or
        ``clusters``; by default what the method proposes.
    fixed : sequence of str
        Settings that all trials share, ``NAME=VALUE`` each.
    search : {"random", "grid", "optuna"}
        Draw settings at random, try every combination, or let Optuna choose, if it is installed.
    scheduler : {"none", "asha", "pbt"}
        Run all trials to the end, stop those that are not among the best third, or let bad ones go on from the network
        of good ones with another learning rate.
    objective : str
        The score to maximize: pooled_rank, pooled_silhouette or agreement, which need no classes, or nmi, acc or ari,
        which compare with known ones.
    max_concurrent : int, optional
        The number of trials at a time; by default one per GPU, or one per core.
    time_budget : float, optional
        Stop after this many minutes.
    seed : int
        The seed of the search and of every trial.
    gpus_per_trial : float, optional
        GPUs for each trial, or a part of one; by default 1, or 0 if there is no GPU.
    workers : int, optional
        Train each trial with this many processes of Ray Train; by default each trial is one process.
    image_size, color, fit, value_range, labels, exclude, frames, array
        As for :func:`train`.

    Returns
    -------
    best : dict
        The best trial: ``trial``, ``settings``, ``objective``, ``scores``, ``seconds``, ``folder``.

    Raises
    ------
    UserError
        If the input or the settings do not allow it; a sentence says why.
    TrainingFailed
        If no trial could be finished.
    """
    from raycluster.sweeps.sweep import sweep as run_sweep

    options = SweepOptions(
        data=os.fspath(data),
        clusters=clusters,
        out=os.fspath(out),
        trials=trials,
        space=tuple(space),
        fixed=tuple(fixed),
        search=search,
        scheduler=scheduler,
        objective=objective,
        max_concurrent=max_concurrent,
        time_budget=time_budget,
        seed=seed,
        gpus_per_trial=gpus_per_trial,
        workers=workers,
        image_size=image_size,
        color=color,
        fit=fit,
        value_range=value_range,
        labels=labels,
        exclude=tuple(exclude),
        frames=frames,
        array=array,
    )
    return run_sweep(options, method, preset)


def show(
    run: StrPath,
    *,
    names: StrPath | None = None,
    clusters: int | None = None,
    data: StrPath | None = None,
    browser: bool = True,
) -> Path:
    """Open the page of a finished run in a browser.

    Parameters
    ----------
    run : path-like
        The folder of a run, or of a clustering.
    names : path-like, optional
        A file of names and marks that was saved on the page.
    clusters : int, optional
        The number of clusters to show first; by default the run's own.
    data : path-like, optional
        Write the page anew, with the images that are here now; by default it is written anew only if it is missing.
    browser : bool
        Open it, if there is a screen.

    Returns
    -------
    path : Path
        Where the page is.

    Raises
    ------
    UserError
        If the run is not finished, or the names or the cut are not among its own; a sentence says why.
    """
    from raycluster.results.show import show_run

    return show_run(
        ShowOptions(
            run=os.fspath(run),
            names=None if names is None else os.fspath(names),
            clusters=clusters,
            data=None if data is None else os.fspath(data),
            browser=browser,
        )
    )


def train_with(options: TrainOptions, method: str, settings: Any, console: Console | None = None) -> RunSummary:
    """Do what :func:`train` does, with the options and settings in hand.

    Parameters
    ----------
    options : TrainOptions
    method : str
    settings : dataclass
        The settings of the method.
    console : Console, optional
        Takes each sentence for the terminal.

    Returns
    -------
    summary : RunSummary

    Raises
    ------
    UserError
        If the input, the settings or the cluster do not allow the run.
    """
    from raycluster.training.trainer import TrainingRun, run_training

    chosen = find_method(method)
    clusters = options.clusters
    if clusters == "auto" and not chosen.finds_k:
        raise UserError(
            f"{method} cannot choose the number of clusters, because its network is built for a given number: give "
            "--clusters K, or use jule, which can choose."
        )
    if clusters is None:
        if options.data != "digits":
            raise UserError(
                f"How many clusters are there in {public_name(options.data)}? Give their number, --clusters K, or let "
                "it be chosen, --clusters auto."
            )
        clusters = 10
    if getattr(settings, "weights", None):  # workers have another working directory
        settings = replace(settings, weights=resolve_source(settings.weights))
    run = TrainingRun(
        method=chosen,
        settings=settings,
        data=resolve_source(options.data),
        clusters=clusters,
        out="",
        seed=options.seed,
        reading=options.reading,
        image_size=options.image_size,
        color=options.color,
        fit=options.fit,
        value_range=options.value_range,
        workers=parse_workers(options.workers),
        gpus_per_worker=options.gpus_per_worker,
        feed=options.feed,
    )
    with console or Console() as shown, results_in(usual_out(options, method), shown, run.data) as out:
        return run_training(replace(run, out=str(out)), shown)


def usual_out(options: TrainOptions, method: str) -> str:
    """Return where the results go: as the user says, or a folder that is named after the run."""
    if options.out is not None:
        return options.out
    source = re.sub(r"[^\w.-]+", "-", options.data.rstrip("/*").rsplit("/", 1)[-1]).strip("-.") or "images"
    name = f"{source}-{method}-seed{options.seed}"
    return name if under_job_submit() else f"runs/{name}"


def _method_and_settings(method: str | None, preset: str, settings: Any) -> tuple[str, Any]:
    """Return the name of the method and its settings, where either may be known by the other."""
    if settings is None:
        name = method or DEFAULT_METHOD
        presets = find_method(name).presets
        if preset not in presets:
            raise UserError(f"There is no preset {preset!r}: choose one of {', '.join(presets)}.")
        return name, presets[preset]
    names = [name for name in METHODS if type(settings) is find_method(name).settings]
    if not names:
        known = ", ".join(find_method(name).settings.__name__ for name in METHODS)
        raise UserError(f"settings is a {type(settings).__name__}: give one of {known}.")
    if method not in (None, names[0]):
        raise UserError(f"settings are those of {names[0]}, but method is {method!r}: leave one of them out.")
    if preset != "default":
        raise UserError(f"settings and preset {preset!r} are both given: leave one of them out.")
    return names[0], settings
