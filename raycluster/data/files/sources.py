"""The input files of a source: everything found, with the kind of each file or the reason why it is left out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from raycluster.data.containers.idx import idx_labels_name
from raycluster.data.containers.parquet_images import holds_images
from raycluster.data.files.file_lists import LIST_SUFFIXES, METADATA, read_list, read_metadata
from raycluster.data.files.find_files import FoundFiles, check_not_empty, find_files
from raycluster.data.files.kinds import (
    DIGITS,
    IDX_IMAGES,
    IDX_LABELS,
    KIND_NAMES,
    LEFT_OUT,
    kind_of,
    no_kind_reason,
    suffix_of,
)
from raycluster.data.files.left_out import left_out_reason, summarize
from raycluster.data.files.location import Location, absolute_path, public_name
from raycluster.data.files.patterns import NOTHING, Patterns
from raycluster.data.image.formats import HEAD_BYTES, IMAGE_SUFFIXES, sniff
from raycluster.errors import UserError

IMAGE_SOURCES = ("images", "parquet", "npz", "idx", "tar")
VECTOR_SOURCES = ("parquet", "npy")
LOOK_THREADS = 16


@dataclass(frozen=True)
class Listing:
    """The files of a source, whether they are used or not. Every one of them becomes at least one row.

    Attributes
    ----------
    location : Location
    names : list of str
        Sorted, relative to the location.
    kinds : list of str
        Of each file: one of :data:`raycluster.data.files.kinds.KINDS`, which is empty where the file is left out.
    sizes : list of int
        In bytes.
    modified : list of int
        When each file was last modified, in nanoseconds since 1970; 0 where it is unknown.
    reasons : dict of str to str
        Why files are left out, by name.
    notes : list of str
        Sentences about what is left out.
    is_whole : bool
        Whether every folder could be searched.
    patterns : Patterns
        What was searched for below the location.
    labels : dict of str to str
        Known classes by name, from a list of files or from metadata beside the images.
    """

    location: Location
    names: list[str]
    kinds: list[str]
    sizes: list[int]
    modified: list[int]
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    is_whole: bool = True
    patterns: Patterns = NOTHING
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def local_file(self) -> str | None:
        """The path of one of the files, if they are on this machine."""
        paths = [self.location.path(name) for name in self.names[:1] if self.location.filesystem is None]
        return next((path for path in paths if os.path.exists(path)), None)

    @property
    def kind(self) -> str:
        """The kind of the files that are used; several kinds are joined by ``and``."""
        return " and ".join(sorted(set(self.kinds) - {LEFT_OUT}))

    def select(self, which: Sequence[int]) -> Listing:
        """Return some of the files, by index."""
        return replace(
            self,
            names=[self.names[i] for i in which],
            kinds=[self.kinds[i] for i in which],
            sizes=[self.sizes[i] for i in which],
            modified=[self.modified[i] for i in which],
        )


def list_images(source: str, exclude: Sequence[str] = ()) -> Listing:
    """List the files of a source of images, or ``digits``.

    Parameters
    ----------
    source : str
        A folder, which is searched recursively; a file; a pattern (``*`` within a folder, ``**`` across folders,
        ``{a,b}`` and ``{000..010}``; a folder that matches is searched too); or a list of image files: a text with a
        path per line, or a CSV file with a column of paths. It is on this machine, or, if it has a scheme, on the file
        system that pyarrow opens for the URI.
    exclude : sequence of str
        Patterns of what to leave out, as in :func:`raycluster.data.files.left_out.is_excluded`.

    Raises
    ------
    UserError
        If the source does not exist, or holds nothing that can be images.
    """
    if source == DIGITS:
        return Listing(Location(""), [DIGITS], [DIGITS], [0], [0])
    found = find_files(source)
    labels: dict[str, str] = {}
    notes: list[str] = []
    is_list = False
    if found.patterns == NOTHING:
        (name,) = found.files
        if is_list := suffix_of(name) in LIST_SUFFIXES and not found.files[name].problem:
            files, labels, notes = read_list(found.location, name)
            found = found._replace(files=files)
    kinds, reasons = _judge(found, IMAGE_SOURCES, exclude)
    if not is_list:
        _look_inside(found, kinds, reasons)
        companions, labels, notes = _companions(found, kinds)
        for name in companions:
            del reasons[name], found.files[name]
    return _listing(source, found, kinds, reasons, IMAGE_SOURCES, labels, notes)


def list_source(source: str, kinds: tuple[str, ...]) -> Listing:
    """List only the files of some kinds in a source, which must all be of one of them.

    Parameters
    ----------
    source : str
        A folder, which is searched recursively, a file or a pattern, as in :func:`list_images`.
    kinds : tuple of str
        Among those that :func:`raycluster.data.files.kinds.kind_of` returns.

    Raises
    ------
    UserError
        If the source does not exist, has no files of these kinds, or has several kinds of them.
    """
    found = find_files(source)
    listing = _listing(source, found, *_judge(found, kinds), kinds)
    several = sorted(set(listing.kinds) - {LEFT_OUT})
    if len(several) > 1:
        what = " and ".join(f"{listing.kinds.count(kind)} {KIND_NAMES[kind]} files" for kind in several)
        raise UserError(f"{public_name(source)} holds {what}: select one kind with a glob, such as '**/*.parquet'.")
    return listing.select([i for i, kind in enumerate(listing.kinds) if kind])


def check_apart(source: str, listing: Listing, out: Path, option: str = "--data") -> None:
    """Refuse an output folder inside the source: the results would be taken for input the next time.

    It is inside if the files of a folder or a pattern are searched for there, or if a file that is listed is in it.

    Raises
    ------
    UserError
    """
    base = listing.location.base
    if listing.location.filesystem is not None or listing.kind == DIGITS:
        return
    inside = os.path.relpath(os.path.realpath(out), os.path.realpath(base))
    is_searched = inside.split("/")[0] != ".." and listing.patterns.may_select_inside(inside)
    folder = os.path.join(os.path.abspath(out), "")
    is_listed = listing.patterns == NOTHING and any(
        os.path.normpath(os.path.join(base, name)).startswith(folder) for name in listing.names
    )
    if is_searched or is_listed:
        raise UserError(f"--out {out} is inside {option} {public_name(source)}: choose a folder outside it.")


def resolve_source(source: str) -> str:
    """Return a local source as its absolute path, so that it always has the same name; leave others unchanged.

    Raises
    ------
    UserError
        If it is empty.
    """
    check_not_empty(source)
    return source if source == DIGITS or "://" in source else absolute_path(source)


def printable(name: str) -> str:
    """Return a file name as valid text; bytes that are not UTF-8 become escape sequences."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _judge(
    found: FoundFiles, kinds: Collection[str], exclude: Sequence[str] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the kind of every file that is used, and why the others are left out, by name."""
    used, reasons = {}, {}
    is_named = found.patterns == NOTHING
    for name, info in found.files.items():
        reason = info.problem or left_out_reason(name, exclude, is_named)
        kind = kind_of(name)
        if not reason and kind is not None and kind in kinds:
            used[name] = kind
        else:
            reasons[name] = reason or _wrong_kind(name, kind, "images" in kinds)
    return used, reasons


def _wrong_kind(name: str, kind: str | None, wants_images: bool) -> str:
    if not wants_images:
        return f"not a table of vectors: {suffix_of(name) or 'no suffix'}"
    if kind:
        return f"{KIND_NAMES[kind]} files are not read here"
    return "labels without images" if IDX_LABELS.search(name) else no_kind_reason(name)


def _look_inside(found: FoundFiles, kinds: dict[str, str], reasons: dict[str, str]) -> None:
    """Decide by content what the names leave open: files without a suffix, and tables beside images."""
    unnamed = [name for name, reason in reasons.items() if not suffix_of(name) and reason == no_kind_reason(name)]
    with ThreadPoolExecutor(LOOK_THREADS) as pool:
        for name, is_image in zip(
            unnamed, pool.map(lambda name: _is_image(found.location, name), unnamed), strict=True
        ):
            if is_image:
                kinds[name] = "images"
                del reasons[name]
        if "images" not in kinds.values():
            return
        tables = [name for name, kind in kinds.items() if kind == "parquet"]
        for name, has_images in zip(
            tables, pool.map(lambda name: holds_images(found.location, name), tables), strict=True
        ):
            if not has_images:
                reasons[name] = "a table without images, beside image files"
                del kinds[name]


def _is_image(location: Location, name: str) -> bool:
    try:
        with location.open(name) as file:
            return sniff(file.read(HEAD_BYTES)) is not None
    except OSError:
        return True  # so that the reason is found when it is read


def _companions(found: FoundFiles, kinds: dict[str, str]) -> tuple[list[str], dict[str, str], list[str]]:
    """Return the files that belong to images and are no rows themselves, the known classes in them, and notes."""
    idx_labels = {idx_labels_name(name) for name in kinds if IDX_IMAGES.search(name)}
    companions = [name for name in idx_labels if name in found.files and name not in kinds]
    classes: dict[str, str] = {}
    notes = []
    folders = {folder for name, kind in kinds.items() if kind == "images" for folder in _parents(name)}
    for name in sorted(found.files):
        if os.path.basename(name) in METADATA and os.path.dirname(name) in folders:
            known = read_metadata(found.location, name)
            if known is not None:
                companions.append(name)
                classes |= known
                if missing := len(known.keys() - kinds.keys()):
                    notes.append(f"{printable(name)} has classes for images that are not there: {missing:,}.")
    return companions, classes, notes


def _parents(name: str) -> Iterable[str]:
    while name:
        name = os.path.dirname(name)
        yield name


def _listing(
    source: str,
    found: FoundFiles,
    kinds: dict[str, str],
    reasons: dict[str, str],
    wanted: tuple[str, ...],
    labels: dict[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Listing:
    shown = public_name(source)
    if found.unreadable and not found.files:
        folder, reason = found.unreadable[0]
        raise UserError(f"{shown} cannot be searched: {reason} ({folder}).")
    advice = f"name a folder, file or glob with {_describe(wanted)} files"
    if not found.files:
        raise UserError(f"{shown} holds no files: {advice}.")
    summary = summarize(reasons.values())
    if not kinds:
        raise UserError(f"{shown} holds no supported files ({summary}): {advice}.")
    names = sorted(found.files)
    said = [f"Left out of {len(names):,} files: {summary}."] if reasons else []
    said += [f"The folder {folder} could not be searched: {reason}." for folder, reason in found.unreadable]
    return Listing(
        location=found.location,
        names=names,
        kinds=[kinds.get(name, LEFT_OUT) for name in names],
        sizes=[found.files[name].size for name in names],
        modified=[found.files[name].modified for name in names],
        reasons=reasons,
        notes=[*notes, *said],
        is_whole=not found.unreadable,
        patterns=found.patterns,
        labels=labels or {},
    )


def _describe(kinds: tuple[str, ...]) -> str:
    images = "image (" + " ".join(suffix[1:] for suffix in IMAGE_SUFFIXES) + ")"
    *most, last = [{"images": images, "tar": "WebDataset tar"}.get(kind, KIND_NAMES[kind]) for kind in kinds]
    return f"{', '.join(most)} or {last}"
