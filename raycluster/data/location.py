"""Folders on this machine or on one of pyarrow's file systems, and opening the files in them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import fs

from raycluster.errors import UserError


@dataclass(frozen=True)
class Location:
    """A folder on this machine or on one of pyarrow's file systems.

    Attributes
    ----------
    base : str
        The folder, without a trailing slash.
    filesystem : pyarrow.fs.FileSystem or None
        None for local folders: Python handles file names that are not valid UTF-8, and pyarrow does not.
    """

    base: str
    filesystem: Any = None

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading, with random access; its name is relative to the folder."""
        if self.filesystem is None:
            return open(os.path.join(self.base, name), "rb")
        return self.filesystem.open_input_file(f"{self.base}/{name}")

    def read(self, name: str) -> bytes:
        """Return the whole content of a file."""
        with self.open(name) as file:
            return file.read()

    def has_file(self, name: str) -> bool:
        """Return whether a file of this name exists."""
        if self.filesystem is None:
            return os.path.isfile(os.path.join(self.base, name))
        return self.filesystem.get_file_info(f"{self.base}/{name}").type == fs.FileType.File

    def local_path(self, name: str) -> str | None:
        """Return the path of a file on this machine, or None if the folder is elsewhere."""
        return None if self.filesystem else os.path.join(self.base, name)


def open_filesystem(source: str) -> tuple[Any, str]:
    """Return the file system of a path or URI, None for this machine, and the path on it.

    Raises
    ------
    UserError
        If pyarrow cannot open the URI.
    """
    if "://" not in source:
        return None, absolute_path(source)
    try:
        filesystem, path = fs.FileSystem.from_uri(source)
    except (OSError, ValueError, pa.ArrowNotImplementedError) as error:
        raise UserError(f"{source} cannot be opened: {error}") from error
    return (None if isinstance(filesystem, fs.LocalFileSystem) else filesystem), path


def absolute_path(path: str) -> str:
    """Return a local path made absolute, with ``~`` expanded."""
    return os.path.abspath(os.path.expanduser(path))
