"""Which files a folder, a file or a glob stands for, on this machine or behind a URI."""

from __future__ import annotations

import fnmatch
import os
import stat
from typing import Any, NamedTuple

from pyarrow import fs

from raycluster.data.location import Location, open_filesystem
from raycluster.errors import UserError


class FileInfo(NamedTuple):
    """Size of a file in bytes, and its modification time in nanoseconds since 1970 (0 where it is unknown).

    A size of -1 means that the file exists but cannot be examined at the moment.
    """

    size: int
    modified: int


class FoundFiles(NamedTuple):
    """Every file that a source stands for.

    Attributes
    ----------
    location : Location
    files : dict of str to FileInfo
        By name relative to the location.
    unreadable : list of (str, str)
        The folders that could not be searched, and why.
    """

    location: Location
    files: dict[str, FileInfo]
    unreadable: list[tuple[str, str]]


def find_files(source: str) -> FoundFiles:
    """Find every file of a source, hidden ones included.

    Parameters
    ----------
    source : str
        A folder, which is searched recursively, a file, or a glob.

    Raises
    ------
    UserError
        If there is no such file or folder, or nothing matches the glob.
    """
    filesystem, path = open_filesystem(source)
    kind = _type_of(filesystem, path)
    if kind == fs.FileType.File:
        folder, name = os.path.split(path)
        info = _local(os.stat(path)) if filesystem is None else _remote(filesystem.get_file_info(path))
        return FoundFiles(Location(folder, filesystem), {name: info}, [])
    if kind == fs.FileType.Directory:
        base, pattern = path.rstrip("/"), []
    elif has_wildcard(path):
        parts = path.split("/")
        first = next(i for i, part in enumerate(parts) if has_wildcard(part))
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
    return FoundFiles(Location(base, filesystem), files, unreadable)


def has_wildcard(text: str) -> bool:
    """Return whether a path contains wildcards."""
    return any(sign in text for sign in "*?[")


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
    visited = {_identity(base)}
    for folder, subfolders, names in os.walk(base, followlinks=True, onerror=note):
        # Sorted, so that of two ways into the same folder the same one is always taken.
        inside = {
            name: _identity(os.path.join(folder, name)) for name in sorted(subfolders) if not name.startswith(".")
        }
        subfolders[:] = []
        for name, identity in inside.items():
            if identity not in visited:
                visited.add(identity)
                subfolders.append(name)
        for name in names:
            path = os.path.join(folder, name)
            try:
                info = os.stat(path)
            except OSError as error:  # a broken link, for example: it is listed here and rejected when it is read
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


def _matches(path: list[str], pattern: list[str]) -> bool:
    """Match a path part by part; everything inside a folder that matches belongs to it."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(path[i:], pattern[1:]) for i in range(len(path)))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
