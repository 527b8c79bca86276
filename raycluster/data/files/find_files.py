"""Which files a folder, a file or a pattern stands for, on this machine or behind a URI."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyarrow import fs

from raycluster.data.files.left_out import is_set_apart
from raycluster.data.files.location import A_FOLDER, NOT_A_FILE, Location, open_filesystem, public_name
from raycluster.data.files.patterns import EVERYTHING, NOTHING, Patterns, split_pattern
from raycluster.errors import UserError

NO_SUCH_FILE = "there is no such file"


class FileInfo(NamedTuple):
    """Size of a file in bytes, and its modification time in nanoseconds since 1970 (0 where it is unknown).

    A size of -1 means that the file exists but cannot be examined at the moment. The problem says why something can
    never be read; it is empty for files.
    """

    size: int
    modified: int
    problem: str = ""


class FoundFiles(NamedTuple):
    """Every file that a source stands for.

    Attributes
    ----------
    location : Location
    files : dict of str to FileInfo
        By name relative to the location.
    unreadable : list of (str, str)
        The folders that could not be searched, and why.
    patterns : Patterns
        What was searched for below the location; nothing where the source names one file.
    """

    location: Location
    files: dict[str, FileInfo]
    unreadable: list[tuple[str, str]]
    patterns: Patterns


def find_files(source: str) -> FoundFiles:
    """Find everything in a source that is not a folder: hidden files, and what is no file at all, included.

    Parameters
    ----------
    source : str
        A folder, which is searched recursively, a file, or a pattern as in :mod:`raycluster.data.files.patterns`.
        Names that exist are taken literally even where they contain signs of patterns.

    Raises
    ------
    UserError
        If there is no such file or folder, or nothing matches the pattern.
    """
    check_not_empty(source)
    filesystem, path = open_filesystem(source)
    kind = _type_of(filesystem, path)
    if kind == fs.FileType.Directory:
        return _search(filesystem, path.rstrip("/"), EVERYTHING)
    if kind != fs.FileType.NotFound:
        folder, name = os.path.split(path)
        location = Location(folder, filesystem)
        return FoundFiles(location, look_up(location, [name]), [], NOTHING)
    base, pattern = split_pattern(path, lambda name: _type_of(filesystem, name) != fs.FileType.NotFound)
    shown = public_name(source)
    if not pattern:
        raise UserError(f"There is no file or folder {shown}.")
    if _type_of(filesystem, base or "/") != fs.FileType.Directory:
        raise UserError(f"No file matches {shown}: there is no folder {base}.")
    found = _search(filesystem, base, Patterns.of(pattern))
    if not found.files:
        raise UserError(f"No file matches {shown}.")
    _add_missing(found)
    return found


def check_not_empty(source: str) -> None:
    """Refuse an empty text as a source: as a path, it would mean the current folder.

    Raises
    ------
    UserError
    """
    if not source.strip():
        raise UserError("The name of the source is empty: name a folder, a file or a glob.")


def look_up(location: Location, names: Sequence[str]) -> dict[str, FileInfo]:
    """Return what is known about files by their names, relative to a location or absolute.

    Raises
    ------
    UserError
        If the file system cannot be asked.
    """
    if location.filesystem is None:
        return {name: _local(location.path(name)) for name in names}
    infos = _ask(location.filesystem, [location.path(name) for name in names], location.base)
    return {name: _remote(info) for name, info in zip(names, infos, strict=True)}


def _type_of(filesystem: Any, path: str) -> fs.FileType:
    if filesystem is not None:
        kind: fs.FileType = _ask(filesystem, path, path).type
        return kind
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return fs.FileType.NotFound
    except OSError as error:
        raise UserError(f"{path} cannot be reached: {error.strerror or error}.") from None
    return fs.FileType.Directory if stat.S_ISDIR(mode) else fs.FileType.File


def _ask(filesystem: Any, what: Any, name: str) -> Any:
    """Ask a file system elsewhere about files; what goes wrong there becomes a sentence."""
    try:
        return filesystem.get_file_info(what)
    except Exception as error:  # clients written in Python raise exceptions of any kind
        raise UserError(f"{name} cannot be reached: {str(error).rstrip('.') or type(error).__name__}.") from None


def _local(path: str) -> FileInfo:
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        # A broken link may be mended: it is rejected when it is read.
        return FileInfo(0, 0, "" if os.path.islink(path) else NO_SUCH_FILE)
    except OSError:
        return FileInfo(-1, 0)
    return _of_stat(info)


def _of_stat(info: os.stat_result) -> FileInfo:
    if stat.S_ISREG(info.st_mode):
        return FileInfo(info.st_size, info.st_mtime_ns)
    problem = A_FOLDER if stat.S_ISDIR(info.st_mode) else NOT_A_FILE
    return FileInfo(0, info.st_mtime_ns, problem)


def _remote(info: fs.FileInfo) -> FileInfo:
    problems = {
        fs.FileType.NotFound: NO_SUCH_FILE,
        fs.FileType.Directory: A_FOLDER,
        fs.FileType.Unknown: NOT_A_FILE,
    }
    return FileInfo(info.size or 0, info.mtime_ns or 0, problems.get(info.type, ""))


def _search(filesystem: Any, base: str, patterns: Patterns) -> FoundFiles:
    unreadable: list[tuple[str, str]] = []
    if filesystem is None:
        files = _walk(base or "/", patterns, unreadable)
    else:
        files = _walk_remote(filesystem, base)
    if patterns != EVERYTHING:
        files = {name: info for name, info in files.items() if patterns.select(name)}
    return FoundFiles(Location(base, filesystem), files, unreadable, patterns)


def _add_missing(found: FoundFiles) -> None:
    """Add the names from braces that do not exist, so that none of them is missed silently."""
    if len(found.patterns.names) > 1:
        there = {found.patterns.named_by(tuple(name.split("/"))) for name in found.files}
        missing = [("/").join(name) for name in found.patterns.names if name not in there]
        found.files.update(dict.fromkeys(missing, FileInfo(0, 0, NO_SUCH_FILE)))


def _walk(base: str, patterns: Patterns, unreadable: list[tuple[str, str]]) -> dict[str, FileInfo]:
    """Return everything under a local folder; links are followed, but no folder is searched twice.

    Of two ways into the same folder the same one is always taken: names are sorted, and hidden folders come last, so
    that a link inside one never takes the place of a visible folder.
    """
    files: dict[str, FileInfo] = {}
    visited = {_identity(os.stat(base))}
    waiting, set_apart = [""], list[str]()
    while waiting or set_apart:
        folder = (waiting or set_apart).pop()
        try:
            with os.scandir(os.path.join(base, folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            unreadable.append((folder or ".", error.strerror or str(error)))
            continue
        inside = []
        for entry in entries:
            name = os.path.join(folder, entry.name)
            try:
                info = entry.stat()
            except OSError:
                files[name] = _local(entry.path)
                continue
            if not stat.S_ISDIR(info.st_mode):
                files[name] = _of_stat(info)
            elif _identity(info) not in visited and patterns.may_select_inside(name):
                visited.add(_identity(info))
                inside.append(name)
        for name in reversed(inside):
            (set_apart if is_set_apart(name) else waiting).append(name)
    return files


def _identity(folder: os.stat_result) -> tuple[int, int]:
    return folder.st_dev, folder.st_ino


def _walk_remote(filesystem: Any, base: str) -> dict[str, FileInfo]:
    infos = _ask(filesystem, fs.FileSelector(base, recursive=True), base)
    return {info.path[len(base) :].lstrip("/"): _remote(info) for info in infos if info.type != fs.FileType.Directory}
