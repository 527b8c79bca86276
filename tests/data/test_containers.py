import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray.data

from raycluster.data.containers import (
    image_column,
    items_of,
    open_parquet,
    parquet_labels,
    read_members,
    read_row_group,
    scan_tar,
)
from raycluster.data.location import Location
from raycluster.data.unreadable import Unreadable

PIXELS = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3)


def read_all(folder, table: pa.Table) -> list:
    pq.write_table(table, folder / "a.parquet")
    return items_of(read_row_group(Location(str(folder)), "a.parquet", 0), np.arange(len(table)))


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
    images = items_of(read_row_group(Location(str(tmp_path)), file.name, 0), np.array([1, 4]))
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
    assert items_of(column, np.array([1, 3])) == [b"\x05", b"\x07"]


def test_the_image_column_is_named_image_or_is_the_only_one_that_fits():
    binary, text = pa.binary(), pa.string()
    assert image_column(pa.schema({"other": binary, "image": binary})) == "image"
    assert image_column(pa.schema({"label": pa.int64(), "name": text, "picture": binary})) == "picture"
    with pytest.raises(Unreadable, match="a, b could all be images"):
        image_column(pa.schema({"a": binary, "b": binary}))
    with pytest.raises(Unreadable, match="no column holds images"):
        image_column(pa.schema({"url": text, "vector": pa.list_(pa.float32())}))
    with pytest.raises(Unreadable, match="column image holds string"):
        image_column(pa.schema({"image": text, "other": binary}))


def test_labels_are_numbers_with_hugging_face_names_or_texts_or_missing(tmp_path):
    def labels_of(**columns):
        table = pa.table({"image": [b"", b""], **columns})
        features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
        pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "a.parquet")
        with open_parquet(Location(str(tmp_path)), "a.parquet") as file:
            return parquet_labels(file)

    numbers, names = labels_of(label=[1, None])
    assert (numbers.tolist(), names) == ([1, -1], ["cat", "dog"])
    assert labels_of(label=["dog", None])[0].tolist() == ["dog", None]
    assert labels_of() == (None, None)


def test_damaged_parquet_is_unreadable(tmp_path):
    pq.write_table(pa.table({"image": [b"a" * 1000]}), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    with (
        pytest.raises(Unreadable, match="not a complete Parquet file"),
        open_parquet(Location(str(tmp_path)), "a.parquet"),
    ):
        pass


def write_tar(path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_tar_members_and_their_labels_are_found(tmp_path):
    long_name = "a" * 200 + "/3.png"  # needs a header of its own
    members = {
        "1.jpg": b"one",
        "1.cls": b"4",
        "1.json": b"{}",
        "b/2.x.png": b"two",
        long_name: b"three",
        "b/2.cls": b"0",
    }
    write_tar(tmp_path / "a.tar", members)
    offsets, labels = scan_tar(Location(str(tmp_path)), "a.tar")
    assert read_members(Location(str(tmp_path)), "a.tar", offsets) == [b"one", b"two", b"three"]
    assert read_members(Location(str(tmp_path)), "a.tar", offsets[2:]) == [b"three"]
    assert labels.tolist() == [4, 0, -1]


@pytest.mark.parametrize(("kept", "complete"), [(3000, 1), (1100, 1), (1024, 1), (512 * 13, 2)])
def test_complete_members_of_a_truncated_tar_are_kept_and_the_rest_is_unreadable(tmp_path, kept, complete):
    write_tar(tmp_path / "a.tar", {"1.jpg": b"one", "2.jpg": b"x" * 5000})
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:kept])
    offsets, _ = scan_tar(Location(str(tmp_path)), "a.tar")
    members = read_members(Location(str(tmp_path)), "a.tar", offsets)
    assert members[:complete] == [b"one", b"x" * 5000][:complete]
    assert len(members) > complete
    assert all("truncated" in str(member) for member in members[complete:])


def test_a_file_that_is_not_tar_is_unreadable(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"not a tar file" * 100)
    with pytest.raises(Unreadable, match="not a complete tar file"):
        scan_tar(Location(str(tmp_path)), "a.tar")


def test_classes_in_a_tar_may_be_names(tmp_path):
    write_tar(tmp_path / "a.tar", {"1.jpg": b"one", "1.cls": b"cat", "2.jpg": b"two"})
    assert scan_tar(Location(str(tmp_path)), "a.tar")[1].tolist() == ["cat", None]


@pytest.mark.parametrize("column", ["tensor", "flat"])
def test_one_missing_image_does_not_affect_the_others_of_a_tensor_or_list_column(column):
    pixels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    if column == "tensor":
        storage = pa.array([pixels[0].ravel().tolist(), None, pixels[1].ravel().tolist()], pa.list_(pa.uint8(), 4))
        array = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.uint8(), (2, 2)), storage)
    else:
        array = pa.array([[0, 1, 2, 3], None, [4, 5, 6, 7]])
    items = items_of(pa.chunked_array([array]), np.arange(3))
    np.testing.assert_array_equal(items[0], pixels[0])
    assert "null" in str(items[1])
    np.testing.assert_array_equal(items[2], pixels[1])
