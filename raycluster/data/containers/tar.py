"""Images in tar files, compressed or not, such as the shards of WebDataset: members of one key are one sample."""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import tarfile
import threading
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from raycluster.data.containers.parquet import Item
from raycluster.data.files.kinds import UNREAD_IMAGE_SUFFIXES, no_kind_reason, suffix_of
from raycluster.data.files.left_out import left_out_reason
from raycluster.data.files.location import Location
from raycluster.data.image.formats import HEAD_BYTES, IMAGE_SUFFIXES, RAW_SUFFIXES, sniff
from raycluster.data.labels import classes_of_texts
from raycluster.data.unreadable import Unreadable, message_of

MAX_MEMBER_BYTES = 2**30
MAX_CLASS_BYTES = 1000
MAX_LINKS = 20
# What compressed files begin with.
COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
DAMAGED = "the tar file is truncated or damaged from here on"
DATA, HEADER = 0, 1
# What tarfile and the decompressors raise on damaged files.
ERRORS = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError)


class TarIndex(NamedTuple):
    """The rows of a tar file.

    Attributes
    ----------
    names : list of str
        Of the members.
    part : ndarray of int32, shape (n,)
        Whether the position is that of the member's data (0), or of its header, for sparse files (1).
    position, size : ndarray of int64, shape (n,)
        In bytes, in the decompressed file.
    labels : ndarray of shape (n,), or None
    reasons : dict of int to Unreadable
        Members that cannot be read, by row.
    is_compressed : bool
    """

    names: list[str]
    part: np.ndarray
    position: np.ndarray
    size: np.ndarray
    labels: np.ndarray | None
    reasons: dict[int, Unreadable]
    is_compressed: bool


class _Member(NamedTuple):
    """A member that is not a folder: where its content is, or why there is none."""

    name: str
    place: tuple[int, int, int] = (DATA, 0, 0)
    reason: str | None = None
    text: str | None = None
    link: str | None = None


def scan_tar(location: Location, name: str) -> TarIndex:
    """Find the members of a tar file: one row for each that is not a folder, nor metadata of an image.

    Metadata is what has the same key as an image (the name up to the first dot) and is not itself an image: ``.json``,
    ``.txt``, ``.npy`` and the like. Labels come from members ``<key>.cls``. Links to other members stand for the
    members that they name. If the file is truncated, one more row stands for everything that is missing.

    Raises
    ------
    Unreadable
        If it is not a tar file at all.
    """
    with TarStream(location, name) as stream:
        try:
            with tarfile.open(fileobj=stream.file, mode="r:") as archive:
                members = _resolve_links(list(_members(archive)))
        except (*ERRORS, OSError) as error:
            _raise_if_unreachable(error, location)
            raise Unreadable(f"not a complete tar file: {message_of(error)}") from None
        is_compressed = stream.is_compressed
    image_keys = {_key(member.name) for member in members if member.reason is None}
    rows = [
        member
        for member in members
        if not (member.reason and _can_be_metadata(member.name) and _key(member.name) in image_keys)
    ]
    classes = {_key(member.name): member.text for member in members if member.text is not None}
    labels = [None if row.reason else classes.get(_key(row.name)) for row in rows]
    places = np.array([row.place for row in rows], np.int64).reshape(-1, 3)
    return TarIndex(
        names=[row.name for row in rows],
        part=places[:, 0].astype(np.int32),
        position=places[:, 1].copy(),
        size=places[:, 2].copy(),
        labels=classes_of_texts(labels) if any(label is not None for label in labels) else None,
        reasons={i: Unreadable(row.reason) for i, row in enumerate(rows) if row.reason},
        is_compressed=is_compressed,
    )


class TarStream:
    """A tar file opened for reading members at any position; compressed ones are decompressed on the way, not held.

    Reading forward is fast. Going back means starting again from the beginning, where the file is compressed.
    """

    def __init__(self, location: Location, name: str) -> None:
        self._raw = location.open(name)
        self._lock = threading.Lock()
        head = self._raw.read(len(ZSTD_MAGIC) + 2)
        self._raw.seek(0)
        if head.startswith(ZSTD_MAGIC):
            self._raw.close()
            raise Unreadable("it is compressed by zstd, which is not supported: decompress it, or use gzip")
        opener: Any = next((opener for magic, opener in COMPRESSED.items() if head.startswith(magic)), None)
        self.is_compressed = opener is not None
        self.file: Any = opener(self._raw) if opener else self._raw

    def __enter__(self) -> TarStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()
        self._raw.close()

    def read(self, part: int, position: int, size: int) -> Item:
        """Return the content of a member by its place, as :func:`scan_tar` returns it."""
        try:
            with self._lock:
                self.file.seek(position)
                data = self.file.read(size) if part == DATA else _read_sparse(self.file)
        except (*ERRORS, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            return Unreadable(f"the tar file is damaged: {message_of(error)}")
        return data if len(data) == size else Unreadable("the tar file is truncated within it")


def _members(archive: tarfile.TarFile) -> Iterator[_Member]:
    """Yield all members but folders, and one more at the end if the file is truncated.

    A tar file ends with two blocks of zeros.
    """
    stream = cast("BinaryIO", archive.fileobj)
    try:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would grow with the file
            if not info.isdir():
                yield _member(info, stream)
        stream.seek(archive.offset)
        is_whole = stream.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)
    except (*ERRORS, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        is_whole = False
    if not is_whole:
        yield _Member("", reason=DAMAGED)


def _member(info: tarfile.TarInfo, stream: BinaryIO) -> _Member:
    name = posixpath.normpath(info.name.lstrip("/"))
    if reason := left_out_reason(name):
        return _Member(name, reason=reason)
    if info.islnk():
        return _Member(name, link=posixpath.normpath(info.linkname.lstrip("/")))
    if info.issym():
        return _Member(name, link=posixpath.normpath(posixpath.join(posixpath.dirname(name), info.linkname)))
    if not info.isfile():
        return _Member(name, reason="not a regular file")
    place = (HEADER, info.offset, info.size) if info.sparse else (DATA, info.offset_data, info.size)
    if name.endswith(".cls"):
        stream.seek(info.offset_data)
        text = stream.read(min(info.size, MAX_CLASS_BYTES)).decode("utf-8", "replace").strip()
        return _Member(name, place, no_kind_reason(name), text)
    suffix = suffix_of(name)
    if suffix not in (*IMAGE_SUFFIXES, *RAW_SUFFIXES, *UNREAD_IMAGE_SUFFIXES) and not info.sparse:
        stream.seek(info.offset_data)
        if sniff(stream.read(min(info.size, HEAD_BYTES))) is not None:
            suffix = IMAGE_SUFFIXES[0]
    if suffix not in IMAGE_SUFFIXES:
        return _Member(name, place, no_kind_reason(name))
    if info.size > MAX_MEMBER_BYTES:
        return _Member(name, place, f"too large: {info.size:,} bytes, at most {MAX_MEMBER_BYTES:,} are supported")
    return _Member(name, place)


def _resolve_links(members: list[_Member]) -> list[_Member]:
    """Replace links by the members that they name; a name stands for its last member, as when a tar is unpacked."""
    named = {member.name: member for member in members}
    resolved = []
    for member in members:
        target: _Member | None = member
        for _ in range(MAX_LINKS):
            if target is None or target.link is None:
                break
            target = named.get(target.link)
        if member.link is not None:
            if target is None or target.link is not None:
                member = _Member(member.name, reason=f"a link to {member.link}, which is not in the tar file")
            elif not target.reason and suffix_of(member.name) not in ("", *IMAGE_SUFFIXES):
                member = target._replace(name=member.name, reason=no_kind_reason(member.name))
            else:
                member = target._replace(name=member.name)
        resolved.append(member)
    return resolved


def _key(name: str) -> str:
    folder, base = posixpath.split(name)
    return posixpath.join(folder, base.split(".")[0])


def _can_be_metadata(name: str) -> bool:
    suffix = suffix_of(name)
    return suffix not in ("", *IMAGE_SUFFIXES, *RAW_SUFFIXES, *UNREAD_IMAGE_SUFFIXES) and left_out_reason(name) is None


def _read_sparse(stream: BinaryIO) -> bytes:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        info = archive.next()
        content = info and archive.extractfile(info)
        return content.read() if content else b""


def _raise_if_unreachable(error: BaseException, location: Location) -> None:
    if isinstance(error, OSError) and (error.errno is not None or location.filesystem is not None):
        raise error
