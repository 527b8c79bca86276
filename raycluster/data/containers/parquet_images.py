"""Images in Parquet files: in a column, encoded or as arrays, or as a column of paths of image files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raycluster.data.containers.parquet import Item, is_list, open_parquet
from raycluster.data.files.file_lists import PATH_COLUMNS
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable

IMAGE = "image"
NAME_COLUMNS = ("path", "key", "__key__")


def image_column(schema: pa.Schema) -> str:
    """Return the name of the column with the images, or with the paths of image files if there are no images.

    It is ``image``, or else the only column that can contain images, or else the first of ``path``, ``file``,
    ``filename`` and ``file_name`` that is text.

    Raises
    ------
    Unreadable
        If there is no such column, or more than one.
    """
    fitting = [field.name for field in schema if can_hold_images(field.type)]
    if IMAGE in schema.names:
        kind = schema.types[schema.names.index(IMAGE)]
        fitting = [IMAGE] if can_hold_images(kind) or is_text(kind) else fitting
        if not fitting:
            raise Unreadable(f"its column image holds {kind}, which is not an image")
    if not fitting:
        fitting = [field.name for field in schema if field.name in PATH_COLUMNS and is_text(field.type)]
        fitting = sorted(fitting, key=PATH_COLUMNS.index)[:1]
    if len(fitting) != 1:
        what = f"the columns {', '.join(fitting)} could all be images" if fitting else "no column holds images"
        raise Unreadable(f"{what}: rename the right one to 'image'")
    if schema.names.count(fitting[0]) > 1:
        raise Unreadable(f"it has {schema.names.count(fitting[0])} columns named {fitting[0]}: rename all but one")
    return fitting[0]


def holds_images(location: Location, name: str) -> bool:
    """Return whether a Parquet file has a column of images; it has, as far as is known, if it cannot be opened."""
    try:
        with open_parquet(location, name) as file:
            return any(can_hold_images(field.type) for field in file.schema_arrow)
    except (Unreadable, OSError):
        return True


def read_row_group(location: Location, name: str, group: int) -> pa.ChunkedArray:
    """Return the image column of one row group; a column of text has the paths of image files.

    Of a column of ``struct{bytes, path}``, it is the bytes, or the whole struct if the bytes of some rows are null.
    """
    with open_parquet(location, name) as file:
        column = image_column(file.schema_arrow)
        is_struct = pa.types.is_struct(file.schema_arrow.field(column).type)
        images = file.read_row_group(group, columns=[f"{column}.bytes" if is_struct else column]).column(0)
        if not is_struct:
            return images
        encoded = pc.struct_field(images, "bytes")
        if encoded.null_count and _has_paths(file.schema_arrow.field(column).type):
            return file.read_row_group(group, columns=[f"{column}.bytes", f"{column}.path"]).column(0)
        return encoded


def read_names(file: Any, fallback: pa.Array) -> pa.Array:
    """Return a name for every row: its path or key, as the file has it, or else from ``fallback`` (large_string)."""
    schema = file.schema_arrow
    texts = [field.name for field in schema if is_text(field.type) and schema.names.count(field.name) == 1]
    column = image_column(schema)
    if column in texts:
        names = file.read(columns=[column]).column(0)
    elif "path" not in texts and _has_paths(schema.field(column).type):
        names = pc.struct_field(file.read(columns=[f"{column}.path"]).column(0), "path")
    elif known := [name for name in NAME_COLUMNS if name in texts]:
        names = file.read(columns=[known[0]]).column(0)
    else:
        return fallback
    try:
        names.validate(full=True)
    except pa.ArrowInvalid:  # bytes that are not UTF-8
        return fallback
    return pc.coalesce(names.cast(pa.large_string()), fallback).combine_chunks()


def items_of(column: pa.ChunkedArray, positions: np.ndarray, name: str) -> list[Item | str]:
    """Return the images at some positions of a column, in ascending order: bytes, or arrays of pixels.

    Where the bytes of a ``struct{bytes, path}`` are null, it is the path, relative to the folder of the file ``name``.
    """
    if pa.types.is_struct(column.type):
        items = items_of(pc.struct_field(column, "bytes"), positions, name)
        paths = paths_of(pc.struct_field(column, "path"), positions, name)
        return [
            path if isinstance(item, Unreadable) and isinstance(path, str) else item
            for item, path in zip(items, paths, strict=True)
        ]
    first = int(positions[0])
    array = column.slice(first, int(positions[-1]) - first + 1).combine_chunks()
    values = _values(array)
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    return [Unreadable("there is no image (null)") if is_null[i] else values[i] for i in positions - first]


def paths_of(column: pa.ChunkedArray, positions: np.ndarray, name: str) -> list[str | Unreadable]:
    """Return the paths at some positions of a column of text; they are relative to the folder of the file ``name``."""
    paths = column.take(pa.array(positions)).to_pylist()
    folder = os.path.dirname(name)
    return [os.path.join(folder, path) if path else Unreadable("there is no path (null)") for path in paths]


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type contains text."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def can_hold_images(kind: pa.DataType) -> bool:
    """Return whether a column of this type can contain images, encoded or as arrays."""
    if isinstance(kind, pa.BaseExtensionType):
        return "tensor" in kind.extension_name
    if pa.types.is_struct(kind):
        position = kind.get_field_index("bytes")
        return position >= 0 and _is_bytes(kind.field(position).type)
    if pa.types.is_fixed_size_list(kind):
        return True
    if is_list(kind):
        return is_list(kind.value_type)
    return _is_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _has_paths(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return False
    position = kind.get_field_index("path")
    return position >= 0 and is_text(kind.field(position).type)


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
