"""Which files a source holds, and of what kind they are: a folder, a file or a glob, here or behind a URI."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
from pyarrow import fs

from raycluster.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pbm", ".gif", ".bmp", ".webp", ".tif", ".tiff")
IDX_IMAGES = re.compile(r"idx[34](-ubyte)?(\.gz)?$", re.IGNORECASE)
IDX_LABELS = re.compile(r"idx1(-ubyte)?(\.gz)?$", re.IGNORECASE)
KIND_NAMES = {"images": "image", "parquet": "Parquet", "npz": "NPZ", "npy": "NPY", "idx": "IDX", "tar": "tar"}
DIGITS = "digits"
ARRAY_KINDS = ("npz", "idx", DIGITS)  # files that hold images of one size, not encoded
IMAGE_SOURCES = ("images", "parquet", "npz", "idx", "tar")
VECTOR_SOURCES = ("parquet", "npy")


@dataclass(frozen=True)
class Location:
    """A folder on this machine or on one of pyarrow's file systems.

    Attributes
    ----------
    base : str
        The folder, without a slash at its end.
    filesystem : pyarrow.fs.FileSystem or None
        None for local folders: Python reads file names that are not valid UTF-8, pyarrow does not.
    """

    base: str
    filesystem: Any = None

    def open(self, name: str) -> BinaryIO:
        """Open the file of this name, relative to the folder, for reading at any place."""
        if self.filesystem is None:
            return open(os.path.join(self.base, name), "rb")
        return self.filesystem.open_input_file(f"{self.base}/{name}")

    def read(self, name: str) -> bytes:
        """Return all bytes of the file of this name."""
        with self.open(name) as file:
            return file.read()

    def has_file(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        if self.filesystem is None:
            return os.path.isfile(os.path.join(self.base, name))
        return self.filesystem.get_file_info(f"{self.base}/{name}").type == fs.FileType.File

    def local_path(self, name: str) -> str | None:
        """Return the path of the file if it lies on this machine."""
        return None if self.filesystem else os.path.join(self.base, name)


class FileInfo(NamedTuple):
    """Size of a file in bytes, and when it was changed last, in nanoseconds since 1970 (0 where nobody knows).

    A size of -1: the file is there, but it cannot be told now what it is.
    """

    size: int
    modified: int


@dataclass(frozen=True)
class Listing:
    """The files of one kind that a source holds.

    Attributes
    ----------
    location : Location
    kind : str
        One of the names that :func:`kind_of` gives.
    names : list of str
        Sorted, relative to the location.
    sizes : list of int
        In bytes.
    notes : list of str
        Sentences about what was left out.
    modified : list of int
        When each file was changed last, in nanoseconds since 1970; 0 where nobody knows.
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
        """Return some of the files, by their positions."""
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
        A folder, which is searched to the bottom, a file, or a glob (``*`` within a folder, ``**`` over folders; a
        folder that matches is searched too). Without a scheme it lies on this machine, otherwise on the file system
        that pyarrow opens for the URI. Hidden files and folders are left out.
    kinds : tuple of str
        What is read of the kinds that :func:`kind_of` knows.

    Raises
    ------
    UserError
        If there is nothing, nothing that is read, or files of several kinds.
    """
    filesystem, path = _open_filesystem(source)
    location, found, unreadable = _find(source, filesystem, path)
    if unreadable and not found:
        folder, reason = unreadable[0]
        raise UserError(f"{source} cannot be searched: {reason} ({folder}).")
    if not found:
        raise UserError(f"{source} holds no files: name a folder, a file or a glob with {_described(kinds)} in it.")
    files = {name: info for name, info in found.items() if not _is_hidden(name)}
    of_kind: dict[str, list[str]] = {}
    others: Counter[str] = Counter()
    others.update("hidden" for name in found if _is_hidden(name))
    for name in files:
        if (kind := kind_of(name)) in kinds:
            of_kind.setdefault(kind, []).append(name)
        elif not IDX_LABELS.search(name):
            others[os.path.splitext(name)[1].lower() or "without an extension"] += 1
    left_out = ", ".join(f"{count} {what}" for what, count in sorted(others.items()))
    if not of_kind:
        raise UserError(
            f"{source} holds no file of a kind that is read ({left_out or 'IDX labels'}); {_described(kinds)} are."
        )
    if len(of_kind) > 1:
        what = " and ".join(f"{len(names)} {KIND_NAMES[kind]} files" for kind, names in sorted(of_kind.items()))
        suffix = os.path.splitext(min(of_kind[max(of_kind, key=lambda kind: len(of_kind[kind]))]))[1]
        folder = source.rstrip("/") if not _has_wildcard(source) else location.base
        raise UserError(f"{source} holds {what}: name those that are meant by a glob, such as '{folder}/**/*{suffix}'.")
    ((kind, names),) = of_kind.items()
    names.sort()
    notes = [f"Files other than {KIND_NAMES[kind]} files were left out: {left_out}."] if others else []
    notes += [f"The folder {folder} could not be searched: {reason}." for folder, reason in unreadable]
    sizes, modified = [files[name].size for name in names], [files[name].modified for name in names]
    return Listing(location, kind, names, sizes, notes, modified, is_whole=not unreadable)


def check_apart(source: str, listing: Listing, out: Path) -> None:
    """Refuse a place for results that is inside of the source: they would be taken for input the next time.

    Raises
    ------
    UserError
    """
    base = Path(listing.location.base)
    if listing.location.filesystem is None and out.is_relative_to(base):
        inside = f"{out.relative_to(base)}/"
        if Path(source).is_dir() or any(name.startswith(inside) for name in listing.names):
            raise UserError(f"--out {out} lies within --data {source}: choose a place beside it.")


def resolve_source(source: str) -> str:
    """Return a source of this machine by its absolute path, which the same source always has; others as they are."""
    return source if source == DIGITS or "://" in source else _absolute(source)


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def printable(name: str) -> str:
    """Return a file name as valid text; bytes that are no UTF-8 are spelled out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def kind_of(name: str) -> str | None:
    """Return the kind of a file by its name, or None if it is no input."""
    suffix = os.path.splitext(name)[1].lower()
    if IDX_IMAGES.search(name):
        return "idx"
    if suffix in IMAGE_SUFFIXES:
        return "images"
    return {".parquet": "parquet", ".pq": "parquet", ".npz": "npz", ".npy": "npy", ".tar": "tar"}.get(suffix)


def _described(kinds: tuple[str, ...]) -> str:
    images = "images (" + " ".join(suffix[1:] for suffix in IMAGE_SUFFIXES) + ")"
    *most, last = [{"images": images, "tar": "WebDataset tar"}.get(kind, KIND_NAMES[kind]) for kind in kinds]
    return f"{', '.join(most)} and {last}"


def _open_filesystem(source: str) -> tuple[Any, str]:
    if "://" not in source:
        return None, _absolute(source)
    try:
        filesystem, path = fs.FileSystem.from_uri(source)
    except (OSError, ValueError, pa.ArrowNotImplementedError) as error:
        raise UserError(f"{source} cannot be opened: {error}") from error
    return (None if isinstance(filesystem, fs.LocalFileSystem) else filesystem), path


def _find(source: str, filesystem: Any, path: str) -> tuple[Location, dict[str, FileInfo], list[tuple[str, str]]]:
    """Return where the source lies, every file in it, and the folders that could not be searched."""
    kind = _type_of(filesystem, path)
    if kind == fs.FileType.File:
        folder, name = os.path.split(path)
        info = _local(os.stat(path)) if filesystem is None else _remote(filesystem.get_file_info(path))
        return Location(folder, filesystem), {name: info}, []
    if kind == fs.FileType.Directory:
        base, pattern = path.rstrip("/"), []
    elif _has_wildcard(path):
        parts = path.split("/")
        first = next(i for i, part in enumerate(parts) if _has_wildcard(part))
        base, pattern = "/".join(parts[:first]), parts[first:]
        if _type_of(filesystem, base or "/") != fs.FileType.Directory:
            raise UserError(f"No file matches {source}: there is no folder {base}.")
    else:
        raise UserError(f"There is no file or folder {source}.")
    unreadable: list[tuple[str, str]] = []
    files = _walk(base or "/", unreadable) if filesystem is None else _walk_remote(filesystem, base)
    if pattern:
        files = {name: info for name, info in files.items() if _matches(name.split("/"), pattern)}
        if not files:
            raise UserError(f"No file matches {source}.")
    return Location(base, filesystem), files, unreadable


def _type_of(filesystem: Any, path: str) -> fs.FileType:
    try:
        return (filesystem or fs.LocalFileSystem()).get_file_info(path).type
    except OSError as error:
        raise UserError(f"{path} cannot be reached: {error}") from error


def _local(info: os.stat_result) -> FileInfo:
    return FileInfo(info.st_size, info.st_mtime_ns)


def _remote(info: fs.FileInfo) -> FileInfo:
    return FileInfo(info.size, info.mtime_ns or 0)


def _walk(base: str, unreadable: list[tuple[str, str]]) -> dict[str, FileInfo]:
    """Return all files under a local folder; links are followed, but no folder is searched twice."""

    def note(error: OSError) -> None:
        unreadable.append((os.path.relpath(error.filename, base), error.strerror or str(error)))

    files = {}
    seen = {_identity(base)}
    for folder, subfolders, names in os.walk(base, followlinks=True, onerror=note):
        # By name, so that of two ways to one folder it is always the same that is taken.
        inside = {
            name: _identity(os.path.join(folder, name)) for name in sorted(subfolders) if not name.startswith(".")
        }
        subfolders[:] = []
        for name, identity in inside.items():
            if identity not in seen:
                seen.add(identity)
                subfolders.append(name)
        for name in names:
            path = os.path.join(folder, name)
            try:
                info = os.stat(path)
            except OSError as error:  # such as a link to nowhere: it is listed, and set aside when it is read
                files[os.path.relpath(path, base)] = FileInfo(0 if isinstance(error, FileNotFoundError) else -1, 0)
                continue
            if stat.S_ISREG(info.st_mode):
                files[os.path.relpath(path, base)] = _local(info)
    return files


def _identity(folder: str) -> tuple[int, int] | str:
    try:
        info = os.stat(folder)
    except OSError:
        return folder
    return info.st_dev, info.st_ino


def _walk_remote(filesystem: Any, base: str) -> dict[str, FileInfo]:
    try:
        infos = filesystem.get_file_info(fs.FileSelector(base, recursive=True))
    except OSError as error:
        raise UserError(f"{base} cannot be listed: {error}") from error
    return {info.path[len(base) :].lstrip("/"): _remote(info) for info in infos if info.type == fs.FileType.File}


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name


def _has_wildcard(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _matches(path: list[str], pattern: list[str]) -> bool:
    """Match the parts of a path one by one; what lies in a folder that matches belongs to it."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(path[i:], pattern[1:]) for i in range(len(path)))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
