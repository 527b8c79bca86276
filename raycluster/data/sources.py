"""The input files of a source, all of one kind: the kinds of files there are, and the listing of a source."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from raycluster.data.find_files import find_files, has_wildcard
from raycluster.data.formats import IMAGE_SUFFIXES
from raycluster.data.location import Location, absolute_path
from raycluster.errors import UserError

IDX_IMAGES = re.compile(r"idx[34](-ubyte)?(\.gz)?$", re.IGNORECASE)
IDX_LABELS = re.compile(r"idx1(-ubyte)?(\.gz)?$", re.IGNORECASE)
KIND_NAMES = {"images": "image", "parquet": "Parquet", "npz": "NPZ", "npy": "NPY", "idx": "IDX", "tar": "tar"}
DIGITS = "digits"
ARRAY_KINDS = ("npz", "idx", DIGITS)  # files of unencoded images that all have one size
IMAGE_SOURCES = ("images", "parquet", "npz", "idx", "tar")
VECTOR_SOURCES = ("parquet", "npy")


@dataclass(frozen=True)
class Listing:
    """The files of one kind in a source.

    Attributes
    ----------
    location : Location
    kind : str
        One of the names that :func:`kind_of` returns.
    names : list of str
        Sorted, relative to the location.
    sizes : list of int
        In bytes.
    notes : list of str
        Sentences about what was skipped.
    modified : list of int
        When each file was last modified, in nanoseconds since 1970; 0 where it is unknown.
    is_whole : bool
        Whether every folder could be searched.
    """

    location: Location
    kind: str
    names: list[str]
    sizes: list[int]
    notes: list[str]
    modified: list[int]
    is_whole: bool = True

    def select(self, which: Sequence[int]) -> Listing:
        """Return some of the files, by index."""
        return replace(
            self,
            names=[self.names[i] for i in which],
            sizes=[self.sizes[i] for i in which],
            modified=[self.modified[i] for i in which],
        )


def list_source(source: str, kinds: tuple[str, ...] = IMAGE_SOURCES) -> Listing:
    """List the files of a source.

    Parameters
    ----------
    source : str
        A folder, which is searched recursively, a file, or a glob (``*`` within a folder, ``**`` across folders; a
        folder that matches is searched too). It is on this machine, or, if it has a scheme, on the file system that
        pyarrow opens for the URI. Hidden files and folders are skipped.
    kinds : tuple of str
        The kinds of files to read, among those that :func:`kind_of` returns.

    Raises
    ------
    UserError
        If the source does not exist, has no files of these kinds, or has several kinds of them.
    """
    location, found, unreadable = find_files(source)
    if unreadable and not found:
        folder, reason = unreadable[0]
        raise UserError(f"{source} cannot be searched: {reason} ({folder}).")
    if not found:
        raise UserError(f"{source} holds no files: name a folder, file or glob with {_describe(kinds)} files.")
    files = {name: info for name, info in found.items() if not _is_hidden(name)}
    of_kind: dict[str, list[str]] = {}
    others: Counter[str] = Counter()
    others.update("hidden" for name in found if _is_hidden(name))
    for name in files:
        if (kind := kind_of(name)) in kinds:
            of_kind.setdefault(kind, []).append(name)
        elif not IDX_LABELS.search(name):
            others[os.path.splitext(name)[1].lower() or "without an extension"] += 1
    skipped = ", ".join(f"{count} {what}" for what, count in sorted(others.items()))
    if not of_kind:
        raise UserError(
            f"{source} holds no supported files ({skipped or 'IDX labels'}): name one with {_describe(kinds)} files."
        )
    if len(of_kind) > 1:
        what = " and ".join(f"{len(names)} {KIND_NAMES[kind]} files" for kind, names in sorted(of_kind.items()))
        suffix = os.path.splitext(min(of_kind[max(of_kind, key=lambda kind: len(of_kind[kind]))]))[1]
        folder = source.rstrip("/") if not has_wildcard(source) else location.base
        raise UserError(f"{source} holds {what}: select one kind with a glob, such as '{folder}/**/*{suffix}'.")
    ((kind, names),) = of_kind.items()
    names.sort()
    notes = [f"Files other than {KIND_NAMES[kind]} files were skipped: {skipped}."] if others else []
    notes += [f"The folder {folder} could not be searched: {reason}." for folder, reason in unreadable]
    sizes, modified = [files[name].size for name in names], [files[name].modified for name in names]
    return Listing(location, kind, names, sizes, notes, modified, is_whole=not unreadable)


def check_apart(source: str, listing: Listing, out: Path) -> None:
    """Refuse an output folder inside the source: the results would be taken for input the next time.

    Raises
    ------
    UserError
    """
    base = Path(listing.location.base)
    if listing.location.filesystem is None and out.is_relative_to(base):
        inside = f"{out.relative_to(base)}/"
        if Path(source).is_dir() or any(name.startswith(inside) for name in listing.names):
            raise UserError(f"--out {out} is inside --data {source}: choose a folder outside it.")


def resolve_source(source: str) -> str:
    """Return a local source as its absolute path, so that it always has the same name; leave others unchanged."""
    return source if source == DIGITS or "://" in source else absolute_path(source)


def printable(name: str) -> str:
    """Return a file name as valid text; bytes that are not UTF-8 become escape sequences."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def kind_of(name: str) -> str | None:
    """Return the kind of a file by its name, or None if it is not an input."""
    suffix = os.path.splitext(name)[1].lower()
    if IDX_IMAGES.search(name):
        return "idx"
    if suffix in IMAGE_SUFFIXES:
        return "images"
    return {".parquet": "parquet", ".pq": "parquet", ".npz": "npz", ".npy": "npy", ".tar": "tar"}.get(suffix)


def _describe(kinds: tuple[str, ...]) -> str:
    images = "image (" + " ".join(suffix[1:] for suffix in IMAGE_SUFFIXES) + ")"
    *most, last = [{"images": images, "tar": "WebDataset tar"}.get(kind, KIND_NAMES[kind]) for kind in kinds]
    return f"{', '.join(most)} or {last}"


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name
