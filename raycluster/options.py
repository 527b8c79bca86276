"""The options of every command and of every function of :mod:`raycluster`.

Each option is declared once, here, and the commands are composed of groups of them. The sentence under an option is its
help; an option that a command declares again has another default there, and the same help unless it says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from raycluster.data.canvas import Fit, ImageSize
from raycluster.data.reading import Frames, LabelSource, Reading
from raycluster.errors import UserError, check_setting
from raycluster.graph.settings import GraphSettings

Color = Literal["keep", "gray", "rgb"]
FeedMode = Literal["auto", "resident", "streaming"]
ExportFormat = Literal["folders", "csv", "coco", "imagefolder", "fiftyone", "atlas", "numpy", "clip-retrieval"]
Transfer = Literal["copy", "hardlink", "symlink", "script"]
VectorMetric = Literal["cosine", "centered", "euclidean"]
Rival = Literal["spectral", "hdbscan", "evoc"]
Search = Literal["random", "grid", "optuna"]
Scheduler = Literal["none", "asha", "pbt"]

DEFAULT_METHOD = "jule"
DEFAULT_OBJECTIVE = "pooled_rank"
DEFAULT_BACKBONE = "vit_small_patch14_reg4_dinov2.lvd142m"  # DINOv2 (Apache-2.0), which needs no account


def check_value_range(value_range: tuple[float, float] | None) -> None:
    """Raise :class:`UserError` if there is nothing between black and white."""
    is_range = value_range is None or -math.inf < value_range[0] < value_range[1] < math.inf
    check_setting("value_range", value_range, is_range, "a lower and a higher number")


def check_choices(options: Any) -> None:
    """Raise :class:`UserError` if an option has none of the words that it can have: Python does not look at them."""
    for name, hint in get_type_hints(type(options)).items():
        members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        words = [word for member in members if get_origin(member) is Literal for word in get_args(member)]
        if not words:
            continue
        value, others = getattr(options, name), [one for one in members if get_origin(one) is not Literal]
        is_other = value is None if set(others) <= {NoneType} else not isinstance(value, str)
        *most, last = ["a number"] * (int in others) + words
        check_setting(name, value, value in words or (is_other and bool(others)), f"{', '.join(most)} or {last}")


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What is read of a source of images."""

    labels: LabelSource = "auto"
    """Where known classes are found, for reporting only: in the files, or in the names of the first or the last folders
    above them."""
    exclude: tuple[str, ...] = ()
    """Leave out files and folders of these names, such as '*_thumb.jpg'."""
    frames: Frames = "first"
    """Which frames of animations and pages of TIFF files are used."""
    array: str | None = None
    """The array with the images in NPZ files. Default: images, or found."""

    @property
    def reading(self) -> Reading:
        """How the source is read."""
        return Reading(self.labels, self.exclude, self.frames, self.array)


@dataclass(frozen=True, kw_only=True)
class SourceOptions(ImageOptions):
    """Which images, and what is known of them."""

    data: str
    """A folder, a file, a glob, a list of paths (text, CSV) or a URI; with images, Parquet, NPZ, IDX or tar. Or digits,
    a small set that comes with scikit-learn."""


@dataclass(frozen=True, kw_only=True)
class SizedImageOptions(SourceOptions):
    """Which images, and the size and color that they are brought to."""

    image_size: ImageSize | None = None
    """Side of a square, or height and width; original shrinks nothing. Default: chosen and printed."""
    color: Color = "keep"
    """Convert all images to gray or rgb, or leave them as they are (keep)."""
    fit: Fit = "pad"
    """Pad or crop images of other shapes; none is squeezed."""
    value_range: tuple[float, float] | None = None
    """What becomes black and white beyond 8 bits. Default: found and printed."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        check_choices(self)
        check_value_range(self.value_range)


@dataclass(frozen=True, kw_only=True)
class ClusteringOptions:
    """How many clusters, and with which random numbers."""

    clusters: int | Literal["auto"] | None = None
    """K, the number of clusters; auto lets JULE choose it. Default: 10 for digits, otherwise required."""
    seed: int = 0
    """The seed of all random numbers."""


@dataclass(frozen=True, kw_only=True)
class ResourceOptions:
    """What part of the cluster is used."""

    workers: int | None = None
    """The number of processes. Default: one per GPU; on CPUs, one per core, at most 8 a machine."""
    gpus_per_worker: float | None = None
    """GPUs for each worker; 0 computes on CPUs. Default: 0.9 if there are any."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Where the results go."""

    out: str
    """Where the results go: a folder or the URI of one (s3://...), or a Parquet file for assign and for export --format
    atlas."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(SizedImageOptions, ClusteringOptions, ResourceOptions):
    """The options of all methods; training is the only command that knows by itself where its results go."""

    data: str = "digits"
    workers: int | str | None = None  # type: ignore[assignment]  # to embed, it is a number
    """The number of processes; or the fewest and the most, such as 1:4, to follow the machines of a cluster. Default:
    one per GPU, or one on CPUs."""
    out: str | None = None
    """The run folder, or its URI (s3://...); the same command again continues it. Default: runs/DATA-METHOD-seedN."""
    feed: FeedMode = "auto"
    """Hold all images in memory (resident), or stream prepared copies from disk."""


@dataclass(frozen=True, kw_only=True)
class BackboneOptions:
    """Which pretrained network, and how images are prepared for it."""

    backbone: str | None = None
    """A network of timm or torchvision, such as vit_base_patch14_reg4_dinov2.lvd142m or resnet50. Default: a small
    DINOv2, vit_small_patch14_reg4_dinov2.lvd142m."""
    weights: str | None = None
    """Its weights: a safetensors file, or a state dict (.pth) of nothing but tensors. Default: the published ones,
    which are fetched once."""
    image_size: int | None = None
    """Side of the squares that images are brought to. Default: the network's own."""
    fit: Fit | None = None
    """Crop images to the middle, or pad them. Default: crop, as in the training of these networks."""
    value_range: tuple[float, float] | None = None
    """What becomes black and white beyond 8 bits. Default: found and printed."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        check_choices(self)
        check_setting("image_size", self.image_size, self.image_size is None or self.image_size >= 1, "at least 1")
        check_value_range(self.value_range)


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(BackboneOptions, SourceOptions, ResourceOptions, OutputOptions):
    """Which network embeds which images: that of a run, or a pretrained one."""

    model: str | None = None
    """The folder of a finished run, or its URI, whose network embeds. Default: the --backbone does."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        super().__post_init__()
        if self.model is not None:
            _check_left_out(self, BackboneOptions, "pretrained networks, and a run has its own")


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(BackboneOptions, ImageOptions, ResourceOptions, OutputOptions, GraphSettings):
    """Which images or which vectors are clustered, and on which graph."""

    data: str | None = None
    """The images: a folder, a file, a glob, a list of paths (text, CSV) or a URI; with images, Parquet, NPZ, IDX or
    tar. Default: none, but --embeddings."""
    embeddings: str | None = None
    """Vectors instead of images: a folder, a file or a glob of Parquet with a column of vectors, such as a run's
    embeddings/, or of NPY. A column id of integers or text, and a column path, name the rows in the results. Default:
    the images are embedded."""
    clusters: int | Literal["auto"] = "auto"
    """K, the number of clusters. auto chooses it from the graph and the merge tree."""
    column: str | None = None
    """The column of the vectors in Parquet. Default: embedding, or else the only column of vectors."""
    metric: VectorMetric | None = None
    """Compare directions of vectors (cosine), directions from their mean (centered), or plain distances (euclidean).
    Default: centered for features of pretrained networks that raycluster embed or cluster has made, or else cosine."""
    compare: tuple[Rival, ...] = ()
    """Also cluster by other methods, and show how they compare: spectral clustering of the same graph, HDBSCAN, or EVoC
    (pip install evoc). Plain k-means is always compared."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        GraphSettings.__post_init__(self)
        BackboneOptions.__post_init__(self)
        if self.clusters != "auto" and self.clusters < 2:
            raise UserError(f"clusters={self.clusters}: there is nothing to cluster, choose at least 2.")
        for rival in self.compare:
            check_setting("compare", rival, rival in get_args(Rival), "spectral, hdbscan or evoc")
        if (self.data is None) == (self.embeddings is None):
            raise UserError("Name either images, such as a folder of them, or vectors with --embeddings: one of both.")
        if self.embeddings is not None:
            for kind in (BackboneOptions, ImageOptions, ResourceOptions):
                _check_left_out(self, kind, "images")
        for name in ("column", "metric"):
            if self.data is not None and getattr(self, name) is not None:
                raise UserError(f"--{name} is for vectors, not for images: leave it out.")


def _check_left_out(options: Any, kind: type[Any], whose: str) -> None:
    """Raise :class:`UserError` if an option of a group is set."""
    for field in fields(kind):
        if getattr(options, field.name) != field.default:
            raise UserError(f"--{field.name.replace('_', '-')} is for {whose}: leave it out.")


@dataclass(frozen=True, kw_only=True)
class AssignOptions(SourceOptions, OutputOptions):
    """Which images or vectors are assigned to the clusters of which run."""

    data: str
    """The images: a folder, a file, a glob, a list of paths (text, CSV) or a URI; with images, Parquet, NPZ, IDX or
    tar. For a clustering of vectors, vectors: Parquet or NPY."""
    model: str
    """The folder of a finished run, or of a clustering of vectors, or its URI."""
    refuse_above: float = 1.0
    """Leave an image or vector unassigned if the nearest one of the run is farther away than this many times the
    distance that 99 of 100 in the run have to their own nearest one; inf assigns all."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        check_choices(self)
        is_positive = self.refuse_above > 0
        check_setting("refuse_above", self.refuse_above, is_positive, "a number above 0, or inf", may_be_infinite=True)


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Which run is evaluated, and on which images."""

    run: str
    """The folder of a finished run, or its URI."""
    data: str | None = None
    """Other images with known classes: a folder, a file, a glob or a URI. Default: those of the run."""
    labels: LabelSource | None = None
    """Where known classes are found: in the files (auto), or in the names of the first (folders) or the last folders
    (last-folders) above the images. Default: as in the run, or auto with --data."""
    exclude: tuple[str, ...] = ()
    """With --data, leave out files and folders of these names, such as '*_thumb.jpg'."""
    frames: Frames = "first"
    """With --data, which frames of animations and pages of TIFF files are used."""
    array: str | None = None
    """With --data, the array with the images in NPZ files. Default: images, or found."""
    seed: int = 0
    """The seed that decides which images train the classifier, and which test it."""
    shift: bool = False
    """Also change up to 1,000 images in one factor at a time (rotation, blur, tint, ...), and see whether they stay in
    their clusters. For networks that assign clusters, DCCM and ConCURL."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        check_choices(self)
        if self.data is None and (self.exclude or self.frames != "first" or self.array):
            raise UserError(
                "--exclude, --frames and --array go with --data: the images of the run are read as they were for it."
            )


@dataclass(frozen=True, kw_only=True)
class FoldersOptions:
    """With --format folders, how images get into the folders."""

    transfer: Transfer = "copy"
    """Copy the images, make links to them (hardlink, symlink), or write a shell script that moves them."""
    execute: bool = False
    """Do it. Without, the command only says what it would do."""


@dataclass(frozen=True, kw_only=True)
class AtlasOptions:
    """With --format atlas, what else is in the table."""

    images: bool = True
    """Put the images into the file, shrunk to a long side of 160 pixels; without, only their paths."""
    seed: int = 0
    """The seed of the projection to two dimensions."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(OutputOptions, FoldersOptions, AtlasOptions):
    """What is written for which tool."""

    out: str
    """Where the results go: a file for csv and atlas, a folder for the others; or its URI."""
    run: str
    """The folder of a run or of a clustering; for atlas, numpy and clip-retrieval also of embeddings."""
    format: ExportFormat
    """For people, folders: the images of each cluster in a folder of their own; csv: a table. For labeling, coco: COCO
    JSON; imagefolder: metadata for Hugging Face; fiftyone: a dataset for FiftyOne. With embeddings, atlas: a Parquet
    file for embedding-atlas; numpy: NPY files; clip-retrieval: what it and autofaiss read."""
    names: str | None = None
    """The file of names and wrong images that was saved on the report page."""
    clusters: int | None = None
    """Cut the merge tree at this many clusters. Default: those of --names, or else those of the run."""
    data: str | None = None
    """Where the images are. Default: where the run found them."""
    embeddings: str | None = None
    """For atlas, numpy and clip-retrieval, where the embeddings are. Default: in the folder of --run, or where it was
    clustered from."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        check_choices(self)
        check_setting("clusters", self.clusters, self.clusters is None or self.clusters >= 1, "at least 1")
        usual = {field.name: field.default for field in fields(self)}
        for name, formats in FORMATS_WITH.items():
            if self.format not in formats and getattr(self, name) != usual[name]:
                flag = f"no-{name}" if usual[name] is True else name
                raise UserError(f"--{flag} is for --format {', '.join(formats)}: leave it out.")


FORMATS_WITH = {
    "transfer": ("folders",),
    "execute": ("folders",),
    "images": ("atlas",),
    "seed": ("atlas",),
    "data": ("folders", "coco", "imagefolder", "fiftyone", "atlas"),
    "embeddings": ("atlas", "numpy", "clip-retrieval"),
}


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Which run is shown, and how."""

    run: str
    """The folder of a finished run, or of a clustering."""
    names: str | None = None
    """A file of names and marks that was saved on the page. Default: those that the page has."""
    clusters: int | None = None
    """The number of clusters to show first. Default: the run's own."""
    data: str | None = None
    """Write the page anew, with the images that are here now. Default: it is written anew only if it is missing, with
    the images where the run found them."""
    browser: bool = True
    """Open the page in a browser, if there is a screen; --no-browser only says where the page is."""


@dataclass(frozen=True, kw_only=True)
class SweepOptions(SizedImageOptions, ClusteringOptions, OutputOptions):
    """What is tried, and how."""

    trials: int | None = None
    """How many settings to try; a larger number on the same --out adds trials. The first trial has the settings of the
    preset. Default: 20, or the whole grid."""
    space: tuple[str, ...] = ()
    """What to vary: NAME=LOW:HIGH, NAME=log:LOW:HIGH or NAME=A,B,C for any settings of the method, and for clusters.
    Default: see above."""
    fixed: tuple[str, ...] = ()
    """Settings that all trials share, NAME=VALUE each."""
    search: Search = "random"
    """Draw settings at random, try every combination (grid), or let Optuna choose, if it is installed."""
    scheduler: Scheduler = "none"
    """Run all trials to the end (none), stop those that are not among the best third (asha), or let bad ones go on from
    the network of good ones with another learning rate (pbt)."""
    objective: str = DEFAULT_OBJECTIVE
    """The score to maximize. Without known classes: pooled_rank, pooled_silhouette or agreement, by what all trials say
    of each other. By known classes: nmi, acc or ari."""
    max_concurrent: int | None = None
    """The number of trials at a time, which share the cores. Default: one for each GPU, or one for each core."""
    time_budget: float | None = None
    """Stop after this many minutes; the same command with a larger number, or none, goes on."""
    gpus_per_trial: float | None = None
    """The number of GPUs for each trial, or a part of one; 0 trains on CPUs. Default: 1, or 0 without GPUs."""
    workers: int | None = None
    """Train each trial with this many processes of Ray Train, which start slowly and decode the images themselves.
    Default: each trial is one process, and all share the decoded images."""
