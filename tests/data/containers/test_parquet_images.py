import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray.data

from raycluster.data.containers.parquet import open_parquet
from raycluster.data.containers.parquet_images import (
    holds_images,
    image_column,
    items_of,
    paths_of,
    read_names,
    read_row_group,
)
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable

PIXELS = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3)


def read_all(folder, table: pa.Table) -> list:
    pq.write_table(table, folder / "a.parquet")
    return items_of(read_row_group(Location(str(folder)), "a.parquet", 0), np.arange(len(table)), "a.parquet")


def test_encoded_images_come_back_as_bytes(tmp_path):
    images = [b"first", b"", b"third"]
    assert read_all(tmp_path, pa.table({"image": images})) == images
    structs = [{"bytes": data, "path": "x.png"} for data in images]
    assert read_all(tmp_path, pa.table({"image": structs})) == images


TENSORS = pa.FixedShapeTensorArray.from_numpy_ndarray(PIXELS)
NESTED = pa.array(PIXELS.tolist(), pa.list_(pa.list_(pa.uint8())))


@pytest.mark.parametrize("column", [TENSORS, NESTED, pa.array(PIXELS.tolist())], ids=["tensor", "nested", "int64"])
def test_arrays_of_pixels_come_back_in_their_shape(tmp_path, column):
    np.testing.assert_array_equal(read_all(tmp_path, pa.table({"image": column})), PIXELS)


def test_tensors_written_by_ray_come_back_in_their_shape(tmp_path, ray_session):
    ray.data.from_numpy(PIXELS).write_parquet(str(tmp_path))
    (file,) = tmp_path.glob("*.parquet")
    images = items_of(read_row_group(Location(str(tmp_path)), file.name, 0), np.array([1, 4]), file.name)
    np.testing.assert_array_equal(images, PIXELS[[1, 4]])


def test_nested_lists_may_have_different_sizes_and_ragged_ones_are_unreadable(tmp_path):
    rows = [[[1, 2], [3, 4]], [[5, 6, 7]], [[1, 2], [3]], None]
    square, flat, ragged, missing = read_all(tmp_path, pa.table({"image": rows}))
    np.testing.assert_array_equal(square, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(flat, [[5, 6, 7]])
    assert isinstance(ragged, Unreadable)
    assert isinstance(missing, Unreadable)


def test_flat_lists_are_square_gray_images_or_unreadable(tmp_path):
    flat = pa.FixedSizeListArray.from_arrays(pa.array(range(18), pa.uint8()), 9)
    np.testing.assert_array_equal(read_all(tmp_path, pa.table({"image": flat})), np.arange(18).reshape(2, 3, 3))
    oblong = pa.FixedSizeListArray.from_arrays(pa.array(range(12), pa.uint8()), 6)
    assert "not a square" in str(read_all(tmp_path, pa.table({"image": oblong}))[0])


@pytest.mark.parametrize("column", [pa.array([b"a", None]), pa.array([{"bytes": b"a"}, {"bytes": None}])])
def test_missing_images_are_unreadable_one_by_one(tmp_path, column):
    present, missing = read_all(tmp_path, pa.table({"image": column}))
    assert present == b"a"
    assert isinstance(missing, Unreadable)


def test_any_positions_of_a_row_group_are_read(tmp_path):
    pq.write_table(pa.table({"image": [bytes([i]) for i in range(10)]}), tmp_path / "a.parquet", row_group_size=4)
    column = read_row_group(Location(str(tmp_path)), "a.parquet", 1)
    assert items_of(column, np.array([1, 3]), "a.parquet") == [b"\x05", b"\x07"]


def test_the_image_column_is_named_image_or_is_the_only_one_that_fits():
    binary, text = pa.binary(), pa.string()
    assert image_column(pa.schema({"other": binary, "image": binary})) == "image"
    assert image_column(pa.schema({"label": pa.int64(), "name": text, "picture": binary})) == "picture"
    with pytest.raises(Unreadable, match="a, b could all be images"):
        image_column(pa.schema({"a": binary, "b": binary}))
    with pytest.raises(Unreadable, match="no column holds images"):
        image_column(pa.schema({"url": text, "vector": pa.list_(pa.float32())}))
    with pytest.raises(Unreadable, match="column image holds int64"):
        image_column(pa.schema({"image": pa.int64()}))


@pytest.mark.parametrize("column", ["tensor", "flat"])
def test_one_missing_image_does_not_affect_the_others_of_a_tensor_or_list_column(column):
    pixels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    if column == "tensor":
        storage = pa.array([pixels[0].ravel().tolist(), None, pixels[1].ravel().tolist()], pa.list_(pa.uint8(), 4))
        array = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.uint8(), (2, 2)), storage)
    else:
        array = pa.array([[0, 1, 2, 3], None, [4, 5, 6, 7]])
    items = items_of(pa.chunked_array([array]), np.arange(3), "a.parquet")
    np.testing.assert_array_equal(items[0], pixels[0])
    assert "null" in str(items[1])
    np.testing.assert_array_equal(items[2], pixels[1])


def test_a_struct_holds_images_only_if_its_bytes_are_bytes():
    texts = pa.schema({"image": pa.struct([("bytes", pa.string())])})
    with pytest.raises(Unreadable, match="struct<bytes: string>, which is not an image"):
        image_column(texts)
    assert image_column(pa.schema({"picture": pa.struct([("bytes", pa.large_binary())])})) == "picture"


def test_two_columns_of_one_name_are_not_mixed_up():
    with pytest.raises(Unreadable, match="2 columns named image"):
        image_column(pa.schema([("image", pa.binary()), ("image", pa.binary())]))


def test_paths_stand_for_images_where_there_are_none():
    assert image_column(pa.schema({"file_name": pa.large_string(), "path": pa.string(), "n": pa.int64()})) == "path"
    assert image_column(pa.schema({"path": pa.string(), "picture": pa.binary()})) == "picture"
    column = pa.chunked_array([["a.png", None, "b/c.png"]])
    items = paths_of(column, np.array([0, 1, 2]), "tables/x.parquet")
    assert [items[0], items[2]] == ["tables/a.png", "tables/b/c.png"]
    assert isinstance(items[1], Unreadable)


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"path": ["x.png", None]}, ["x.png", "a#1"]),
        ({"key": pa.array(["k", "l"], pa.large_string()), "label": [1, 2]}, ["k", "l"]),
        ({"__key__": pa.array(["k", "l"]).dictionary_encode()}, ["k", "l"]),
        ({"key": [4, 5]}, ["a#0", "a#1"]),
        ({"image": [{"bytes": b"", "path": "p"}, {"bytes": b"", "path": None}], "key": ["k", "l"]}, ["p", "a#1"]),
        ({"image": ["one.png", "two.png"]}, ["one.png", "two.png"]),
    ],
    ids=["path", "key", "dictionary", "numbers", "struct", "paths"],
)
def test_rows_are_named_by_their_own_path_or_key(tmp_path, columns, names):
    pq.write_table(pa.table({"image": [b"", b""], **columns}), tmp_path / "a.parquet")
    with open_parquet(Location(str(tmp_path)), "a.parquet") as file:
        found = read_names(file, pa.array(["a#0", "a#1"], pa.large_string()))
    assert (found.type, found.to_pylist()) == (pa.large_string(), names)


def test_only_tables_with_images_hold_images(tmp_path):
    pq.write_table(pa.table({"image": [b""]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"path": ["a.png"]}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"damaged, and so not known")
    assert [holds_images(Location(str(tmp_path)), f"{name}.parquet") for name in "abc"] == [True, False, True]


def test_a_struct_without_bytes_names_its_file(tmp_path):
    structs = [{"bytes": b"a", "path": "1.png"}, {"bytes": None, "path": "2.png"}, {"bytes": None, "path": None}, None]
    pq.write_table(pa.table({"image": structs}), tmp_path / "a.parquet")
    column = read_row_group(Location(str(tmp_path)), "a.parquet", 0)
    first, second, *none = items_of(column, np.arange(4), "sub/a.parquet")
    assert (first, second) == (b"a", "sub/2.png")
    assert [str(item) for item in none] == ["there is no image (null)"] * 2
