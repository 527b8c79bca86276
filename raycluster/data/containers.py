"""Files that contain many separate images: Parquet with an image column, and WebDataset tar."""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raycluster.data.decode import Unreadable
from raycluster.data.location import Location
from raycluster.data.sources import IMAGE_SUFFIXES

Item = bytes | np.ndarray | Unreadable


@contextlib.contextmanager
def open_parquet(location: Location, name: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; raise :class:`Unreadable` if it turns out to be damaged."""
    try:
        with location.open(name) as file, pq.ParquetFile(file) as parquet:
            yield parquet
    except pa.ArrowInvalid as error:
        raise Unreadable(f"not a complete Parquet file: {error}") from None


def image_column(schema: pa.Schema) -> str:
    """Return the name of the column with the images: ``image``, or else the only column that can contain them.

    Raises
    ------
    Unreadable
        If there is no such column, or more than one.
    """
    if "image" in schema.names:
        if not _can_hold_images(schema.field("image").type):
            raise Unreadable(f"its column image holds {schema.field('image').type}, which is not an image")
        return "image"
    fitting = [field.name for field in schema if _can_hold_images(field.type)]
    if len(fitting) != 1:
        what = f"the columns {', '.join(fitting)} could all be images" if fitting else "no column holds images"
        raise Unreadable(f"{what}: rename the right one to 'image'")
    return fitting[0]


def parquet_labels(file: pq.ParquetFile) -> tuple[np.ndarray | None, list[str] | None]:
    """Return the column ``label`` (-1 or None where it is null) and the class names in Hugging Face's metadata."""
    if "label" not in file.schema_arrow.names:
        return None, None
    column = file.read(columns=["label"]).column(0)
    labels = np.array(column.to_pylist(), dtype=object)
    if pa.types.is_integer(column.type):
        labels = np.array([-1 if label is None else label for label in labels], dtype=np.int64)
    class_names = None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        class_names = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]["label"]["names"]
    return labels, class_names


def read_row_group(location: Location, name: str, group: int) -> pa.ChunkedArray:
    """Return the image column of one row group."""
    with open_parquet(location, name) as file:
        column = image_column(file.schema_arrow)
        is_struct = pa.types.is_struct(file.schema_arrow.field(column).type)
        images = file.read_row_group(group, columns=[f"{column}.bytes" if is_struct else column]).column(0)
        return pc.struct_field(images, "bytes") if is_struct else images


def items_of(column: pa.ChunkedArray, positions: np.ndarray) -> list[Item]:
    """Return the images at some positions of a column, in ascending order: bytes, or arrays of pixels."""
    first = int(positions[0])
    array = column.slice(first, int(positions[-1]) - first + 1).combine_chunks()
    values = _values(array)
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    return [Unreadable("there is no image (null)") if is_null[i] else values[i] for i in positions - first]


def scan_tar(location: Location, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return where the images in a tar file begin (int64) and their labels, from members ``<same name>.cls``.

    If the file is truncated, one more offset stands for everything that is missing; :func:`read_members` returns
    :class:`Unreadable` for it.
    """
    offsets, keys, classes = [], [], {}
    try:
        with location.open(name) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in _members(archive):
                if member is None:
                    offsets.append(archive.offset + tarfile.BLOCKSIZE)
                    keys.append("")
                    break
                folder, base = os.path.split(member.name)
                key = os.path.join(folder, base.split(".")[0])
                if not member.isfile() or base.startswith("."):
                    continue
                if os.path.splitext(base)[1].lower() in IMAGE_SUFFIXES:
                    offsets.append(member.offset_data)
                    keys.append(key)
                elif base.endswith(".cls") and (content := archive.extractfile(member)):
                    classes[key] = content.read().decode("utf-8", "replace").strip()
    except tarfile.TarError as error:
        raise Unreadable(f"not a complete tar file: {error}") from None
    return np.array(offsets, np.int64), _class_labels([classes.get(key) for key in keys]) if classes else None


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo | None]:
    """Yield the members, and None at the end if the two blocks of zeros that end a tar file are missing."""
    try:
        yield from archive
        archive.fileobj.seek(archive.offset)
        is_whole = archive.fileobj.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)
    except tarfile.ReadError:
        is_whole = False
    if not is_whole:
        yield None


def read_members(location: Location, name: str, offsets: Iterable[int]) -> list[Item]:
    """Return the members of a tar file that begin at these offsets."""
    members: list[Item] = []
    with location.open(name) as file:
        for offset in offsets:
            file.seek(int(offset) - tarfile.BLOCKSIZE)  # the header, which states the size, comes right before the data
            try:
                header = tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), tarfile.ENCODING, "surrogateescape")
            except tarfile.TarError:
                members.append(Unreadable("the tar file is truncated or damaged from here on"))
                continue
            data = file.read(header.size)
            members.append(data if len(data) == header.size else Unreadable("the tar file is truncated within it"))
    return members


def _class_labels(texts: list[str | None]) -> np.ndarray:
    """Return classes as integers (-1 where unknown) if all of them are, otherwise as texts."""
    with contextlib.suppress(ValueError):
        return np.array([-1 if text is None else int(text) for text in texts], np.int64)
    return np.array(texts, dtype=object)


def _can_hold_images(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return "tensor" in kind.extension_name
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    if pa.types.is_fixed_size_list(kind):
        return True
    if is_list(kind):
        return is_list(kind.value_type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def is_list(kind: pa.DataType) -> TypeGuard[pa.ListType | pa.LargeListType | pa.FixedSizeListType]:
    """Return whether a column of this type contains lists, of fixed or variable length."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _values(array: Any) -> Any:
    """Return a sequence with one bytes object or one array of pixels per index."""
    if isinstance(array, pa.FixedShapeTensorArray):
        if array.null_count:
            shape = array.type.shape  # type: ignore[attr-defined]  # missing from the stubs
            return [None if row is None else np.reshape(row, shape) for row in array.storage.to_pylist()]
        return array.to_numpy_ndarray()
    if isinstance(array, pa.ExtensionArray):  # Ray's tensor types
        return array.to_numpy(zero_copy_only=False)
    if not is_list(array.type):
        return array.to_pylist()
    shape, numbers = [len(array)], array
    while is_list(numbers.type):
        lengths = pc.unique(pc.list_value_length(numbers)).to_pylist()
        if len(lengths) != 1 or None in lengths:
            return [None if row is None else _one_image(row) for row in array.to_pylist()]
        shape.append(lengths[0])
        numbers = numbers.flatten()
    pixels = numbers.to_numpy(zero_copy_only=False).reshape(shape)
    return pixels if pixels.ndim > 2 else _square(pixels)


def _one_image(row: list[Any]) -> Item:
    """Return one image from nested lists; other images may have other sizes."""
    try:
        pixels = np.array(row)
    except ValueError:
        return Unreadable("its rows have different lengths")
    return pixels if pixels.ndim > 1 else _square(pixels[None])[0]


def _square(flat: np.ndarray) -> Any:
    """Return flat lists of numbers as square gray images: the only shape that a length alone can imply."""
    side = round(flat.shape[1] ** 0.5)
    if side * side == flat.shape[1]:
        return flat.reshape(-1, side, side)
    reason = f"a flat list of {flat.shape[1]} numbers is not a square gray image: store nested lists or a tensor"
    return [Unreadable(reason)] * len(flat)
