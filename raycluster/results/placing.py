"""How an image gets to its place in a folder: copied, linked, or written from a file of many images.

Nothing is ever overwritten. A file is whole as soon as it has its name, so that what a killed command has left is what
the same command finds done.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from raycluster.data.rows import os_error_reason
from raycluster.errors import has_no_room

PARTIAL = ".partial"
OCCUPIED = "another file has its place"
NO_LINKS = "the file system does not take this kind of link"
OTHER_DISK = "it is on another disk, and hard links do not reach there"


class NotPlaced(Exception):
    """An image cannot be brought to its place; the message says why."""


def copy_file(source: str, target: Path) -> None:
    """Copy a file with its times, unless that has been done.

    Raises
    ------
    NotPlaced
        If there is another file, or the file cannot be read.
    OSError
        If nothing can be written.
    """
    try:
        if not os.path.lexists(target):
            _put(target, lambda partial: shutil.copy2(source, partial))
        elif target.is_symlink() or not filecmp.cmp(source, target):
            raise NotPlaced(OCCUPIED)
    except OSError as error:
        raise _in_plain_words(error, target) from None


def link_hard(source: str, target: Path) -> None:
    """Make a hard link to a file, unless that has been done; errors as in :func:`copy_file`."""
    real = os.path.realpath(source)
    try:
        os.link(real, target)
    except FileExistsError:
        if not (target.exists() and os.path.samefile(real, target)):
            raise NotPlaced(OCCUPIED) from None
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise NotPlaced(OTHER_DISK) from None
        raise _in_plain_words(error, target) from None


def link_symbolically(source: str, target: Path) -> None:
    """Make a symbolic link to a file, unless that has been done; errors as in :func:`copy_file`."""
    try:
        os.symlink(source, target)
    except FileExistsError:
        if not (target.is_symlink() and os.readlink(target) == source):
            raise NotPlaced(OCCUPIED) from None
    except OSError as error:
        raise _in_plain_words(error, target) from None


def write_bytes(data: bytes, target: Path) -> None:
    """Write an image that was no file of its own, unless that has been done; errors as in :func:`copy_file`."""
    if not os.path.lexists(target):
        _put(target, lambda partial: partial.write_bytes(data))
    elif target.is_symlink() or not target.is_file() or target.read_bytes() != data:
        raise NotPlaced(OCCUPIED)


def _put(target: Path, write: Callable[[Path], object]) -> None:
    partial = target.with_name(PARTIAL)
    try:
        write(partial)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def _in_plain_words(error: OSError, target: Path) -> Exception:
    """Return why one image cannot be taken, or the error itself if it stands in the way of all others, too."""
    if has_no_room(error) or error.filename == str(target.with_name(PARTIAL)):
        return OSError(error.errno, error.strerror, str(target))
    if error.errno in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
        return NotPlaced(NO_LINKS)
    return NotPlaced(os_error_reason(error))
