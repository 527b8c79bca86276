"""A folder behind a URI: its files listed, read, written, and removed one by one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

from raycluster.data.files.location import open_filesystem, public_name, without_secrets
from raycluster.errors import UserError, has_no_room

PROBE = ".lock.probe"
CHUNK = 2**23  # bytes
WITHOUT_FOLDERS = ("s3", "gcs")  # an object there needs no folder above it
WITH_BUCKETS = ("s3", "gcs", "abfs")  # named by the first part of a path

Version = tuple[int, int]  # size and modification time in nanoseconds


@dataclass(frozen=True)
class RemoteFolder:
    """A folder on one of pyarrow's file systems. All of its methods raise OSError where it is out of reach.

    Attributes
    ----------
    filesystem : pyarrow.fs.FileSystem
    base : str
        The folder on it.
    address : str
        Its URI, with the credentials.
    """

    filesystem: Any
    base: str
    address: str

    @classmethod
    def open(cls, address: str) -> RemoteFolder:
        """Return the folder of a URI.

        Raises
        ------
        UserError
            If pyarrow cannot open the URI, or if it names a whole bucket or a path on this machine.
        """
        if "#" in address or any(sign.isspace() or not sign.isascii() for sign in address):
            raise UserError(
                f"{public_name(address)} has signs that a URI cannot have: write a space as %20, # as %23, and others "
                "beyond ASCII likewise."
            )
        filesystem, base = open_filesystem(address)
        base = base.rstrip("/")
        if filesystem is None:
            raise UserError(f"{address} is on this machine: name it by its path, {base}.")
        parts = base.strip("/").split("/")
        if parts == [""] or (filesystem.type_name in WITH_BUCKETS and len(parts) == 1):
            raise UserError(f"{public_name(address)} is a whole bucket: choose a folder in it.")
        if {"", ".", ".."} & set(parts):
            raise UserError(f"{public_name(address)} is not a plain path: leave out '.', '..', and double slashes.")
        return cls(filesystem, base, address)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.base.rpartition("/")[2]

    @property
    def parent(self) -> RemoteFolder:
        """The folder that it is in."""
        return RemoteFolder(self.filesystem, self.base.rpartition("/")[0], self.address)

    @property
    def shown(self) -> str:
        """Its address as it may be shown, without credentials and options."""
        return public_name(self.address).partition("?")[0].rstrip("/")

    def files(self) -> dict[str, int]:
        """Return the sizes of all files, by their names in the folder."""
        found = self.filesystem.get_file_info(fs.FileSelector(self.base, allow_not_found=True, recursive=True))
        return {one.path[len(self.base) + 1 :]: one.size for one in found if one.type == fs.FileType.File}

    def info(self, name: str = "") -> fs.FileInfo:
        """Return what is known of a file, or of the folder itself."""
        return self.filesystem.get_file_info(self._path(name))

    def modified(self, name: str) -> int:
        """Return when a file was written, in nanoseconds by the clock of the storage; 0 if that is unknown."""
        return self.info(name).mtime_ns or 0

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if there is none."""
        try:
            with self.filesystem.open_input_stream(self._path(name)) as file:
                content: bytes = file.read()
                return content
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        self._make_parent(name)
        with self.filesystem.open_output_stream(self._path(name)) as file:
            file.write(content)

    def get(self, name: str, path: Path) -> None:
        """Write the content of a file to a path on this machine."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.filesystem.open_input_stream(self._path(name)) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, CHUNK)

    def put(self, name: str, path: Path) -> Version:
        """Write the content of a path on this machine to a file; return its version, or an older one if it changes."""
        with open(path, "rb") as source:
            state = os.fstat(source.fileno())
            self._make_parent(name)
            try:
                with self.filesystem.open_output_stream(self._path(name)) as target:
                    shutil.copyfileobj(source, target, CHUNK)
            except BaseException:  # Ctrl-C too: pyarrow completes what has been written so far
                with contextlib.suppress(OSError):
                    self.remove(name)
                raise
        return state.st_size, state.st_mtime_ns

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_file(self._path(name))

    def remove_folder(self, name: str) -> None:
        """Remove a folder in this one with all that is in it, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_dir(self._path(name))

    def check_writable(self) -> int:
        """Write a small file, remove it, and return when that was by the clock of the storage, in nanoseconds.

        Raises
        ------
        UserError
            If that is not possible.
        """
        try:
            self.write(PROBE, b"")
            now = self.modified(PROBE)
            self.remove(PROBE)
            return now
        except OSError as error:
            raise UserError(
                f"{self.shown} cannot be written to ({self.reason(error)}): check the address, that its bucket exists, "
                "and that your credentials allow writing and deleting there."
            ) from None

    def reason(self, error: OSError) -> str:
        """Return in a few words, and without secrets, why something went wrong."""
        text = without_secrets(str(error), self.address) or type(error).__name__
        return (text.partition("AWS Error ")[2] or text).partition(" (Request ID")[0].splitlines()[0].rstrip(".: ")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turn it into a sentence if the folder cannot be read inside of this.

        Raises
        ------
        UserError
        """
        try:
            yield
        except OSError as error:
            if has_no_room(error):  # on this machine
                raise
            raise UserError(
                f"{self.shown} cannot be read ({self.reason(error)}): run the same command again when it can."
            ) from None

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}" if name else self.base

    def _make_parent(self, name: str) -> None:
        if self.filesystem.type_name not in WITHOUT_FOLDERS:
            self.filesystem.create_dir(self._path(name).rpartition("/")[0], recursive=True)


def version_of(path: Path) -> Version | None:
    """Return the version of a file on this machine, or None if there is none."""
    with contextlib.suppress(FileNotFoundError):
        state = path.stat()
        return state.st_size, state.st_mtime_ns
    return None
