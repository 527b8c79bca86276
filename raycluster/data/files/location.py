"""Folders on this machine or on one of pyarrow's file systems, and opening the files in them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import fs

from raycluster.data.files.patterns import first_wildcard
from raycluster.errors import UserError

HIDDEN = "***"
# Options in a URI that are no secrets; the values of all others are masked.
PUBLIC_OPTIONS = ("region", "scheme", "endpoint_override", "anonymous", "allow_bucket_creation")
SHORTEST_SECRET = 4
NOT_A_FILE = "not a regular file"
A_FOLDER = "a folder, not a file"


class NotAFile(OSError):
    """What has this name is a folder, a pipe or a device; the message says which, in plain words."""


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
        """Open a file for reading, with random access; its name is relative to the folder, or absolute.

        Raises
        ------
        OSError
            If it cannot be opened; :class:`NotAFile` if it is a folder, a pipe or a device on this machine.
        """
        if self.filesystem is None:
            path = self.path(name)
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode):  # opening a pipe would wait for a writer
                raise NotAFile(A_FOLDER if stat.S_ISDIR(mode) else NOT_A_FILE)
            return open(path, "rb")
        return self.filesystem.open_input_file(self.path(name))

    def read(self, name: str) -> bytes:
        """Return the whole content of a file."""
        with self.open(name) as file:
            return file.read()

    def has_file(self, name: str) -> bool:
        """Return whether a file of this name exists."""
        if self.filesystem is None:
            return os.path.isfile(self.path(name))
        return self.filesystem.get_file_info(self.path(name)).type == fs.FileType.File

    def local_path(self, name: str) -> str | None:
        """Return the path of a file on this machine, or None if the folder is elsewhere."""
        return None if self.filesystem else self.path(name)

    def path(self, name: str) -> str:
        """Return the path of a file on its file system."""
        return os.path.join(self.base, name)


def open_filesystem(source: str) -> tuple[Any, str]:
    """Return the file system of a path or URI, None for this machine, and the path on it.

    Raises
    ------
    UserError
        If pyarrow cannot open the URI.
    """
    if "://" not in source:
        return None, absolute_path(source)
    address, question, options = source.partition("?")
    parts = address.split("/")
    known = first_wildcard(parts)  # such signs are not allowed in a URI
    try:
        filesystem, path = fs.FileSystem.from_uri("/".join(parts[:known]) + question + options)
    except ImportError:
        package = "huggingface_hub" if source.startswith("hf://") else "the package for this kind of address"
        raise UserError(f"{public_name(source)} cannot be opened: run 'pip install {package}' first.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{public_name(source)} cannot be opened: {without_secrets(str(error), source)}") from None
    path = "/".join([path.rstrip("/"), *parts[known:]])
    return (None if isinstance(filesystem, fs.LocalFileSystem) else filesystem), path


def public_name(source: str) -> str:
    """Return a source as it may be shown and stored: credentials in its URI are replaced by ``***``."""
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    rest, question, query = rest.partition("?")
    credentials = _credentials(scheme, rest)
    if credentials:
        rest = HIDDEN + rest[len(credentials) :]
    options = [_public_option(option) for option in query.split("&")] if query else []
    return f"{scheme}://{rest}{question}{'&'.join(options)}"


def check_complete_address(source: str, option: str) -> str:
    """Return a source as it was stored, unless its credentials were not stored with it.

    Parameters
    ----------
    source : str
        As :func:`public_name` returns it.
    option : str
        Which names the source anew.

    Raises
    ------
    UserError
    """
    if "://" in source and HIDDEN in source:
        raise UserError(f"The credentials in {source} were not stored with the results: name it again, with {option}.")
    return source


def absolute_path(path: str) -> str:
    """Return a local path made absolute, with ``~`` expanded."""
    return os.path.abspath(os.path.expanduser(path))


def _credentials(scheme: str, rest: str) -> str:
    """Return what comes before the host of an address: ``key:secret``, a token, or nothing."""
    authority = rest.partition("/")[0]
    before, at, _ = authority.rpartition("@")
    if at:
        is_container = scheme.startswith(("abfs", "wasb")) and ":" not in before
        return "" if is_container else before
    port = authority.partition(":")[2]
    if port and not port.isdigit() and "@" in rest:  # a key with a slash in it
        return rest.rpartition("@")[0]
    return ""


def _public_option(option: str) -> str:
    name, equals, _ = option.partition("=")
    if not equals:
        return HIDDEN
    return option if name in PUBLIC_OPTIONS else f"{name}={HIDDEN}"


def without_secrets(text: str, source: str) -> str:
    """Return an error message about a source without the source's secrets."""
    scheme, _, rest = source.partition("://")
    rest, _, query = rest.partition("?")
    credentials = _credentials(scheme, rest)
    options = [option for option in query.split("&") if _public_option(option) != option]
    secrets = [
        source,
        credentials,
        *credentials.split(":"),
        *(option.partition("=")[2] or option for option in options),
    ]
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, public_name(source) if secret == source else HIDDEN)
    return text
