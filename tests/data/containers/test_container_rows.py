import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.data.containers.container_rows import EMPTY
from raycluster.data.files.sources import list_images
from raycluster.data.row_index import index_rows


def test_labels_of_another_length_are_ignored_with_a_note(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 2, 2), np.uint8), labels=[1, 2])
    index = index_rows(list_images(str(tmp_path)))
    assert index.labels is None
    assert index.notes == ["The labels in a.npz were not used: their shape is (2,) for 3 images."]


def test_a_damaged_labels_file_does_not_affect_the_images(tmp_path):
    (tmp_path / "x-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x02abcd")
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01\x05")
    assert index_rows(list_images(str(tmp_path))).labels.tolist() == [5]
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(b"nonsense")
    index = index_rows(list_images(str(tmp_path)))
    assert (len(index.rows), index.labels, index.reasons) == (1, None, {})
    assert "x-labels-idx1-ubyte were not used" in index.notes[0]


def test_the_parts_of_an_npz_file_are_joined_with_their_labels(tmp_path):
    pixels = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    parts = {"train": pixels[:3], "test": pixels[3:]}
    labels = {"test_labels": np.array([[7], [8], [9]], np.uint8)}
    np.savez(tmp_path / "a.npz", **{f"{name}_images": part for name, part in parts.items()}, **labels)
    index = index_rows(list_images(str(tmp_path)))
    assert index.paths.to_pylist()[2:4] == ["a.npz/train_images#2", "a.npz/test_images#0"]
    assert index.labels.tolist() == [-1, -1, -1, 7, 8, 9]
    read = [index.rows.read(*edges) for edges in index.rows.ranges(0, 6).tolist()]
    np.testing.assert_array_equal(np.concatenate(read), pixels)
    one = index_rows(list_images(str(tmp_path)), "test_images")
    assert one.paths.to_pylist() == ["a.npz#0", "a.npz#1", "a.npz#2"]
    np.testing.assert_array_equal(one.rows.read(0, 3), pixels[3:])


def test_labels_that_cannot_be_used_are_told(tmp_path):
    pq.write_table(pa.table({"image": [b"a", b"b"], "label": [[1], [2]]}), tmp_path / "a.parquet")
    index = index_rows(list_images(str(tmp_path)))
    assert (len(index.rows), index.labels) == (2, None)
    assert "The labels in a.parquet were not used: it holds list" in index.notes[0]


def test_texts_and_missing_labels_of_parts_stay_apart(tmp_path):
    pixels = np.zeros((2, 2, 2), np.uint8)
    np.savez(tmp_path / "a.npz", x_train=pixels, x_test=pixels, y_train=["dog", "cat"])
    index = index_rows(list_images(str(tmp_path)))
    assert (index.labels.tolist(), index.class_names) == ([1, 0, -1, -1], ["cat", "dog"])


def test_a_container_with_nothing_in_it_is_one_rejected_row(tmp_path):
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": [b"a"]}), tmp_path / "b.parquet")
    (tmp_path / "c.tar").write_bytes(bytes(10240))
    index = index_rows(list_images(str(tmp_path)))
    assert index.paths.to_pylist() == ["a.parquet", "b.parquet#0", "c.tar"]
    assert {row: str(reason) for row, reason in index.reasons.items()} == dict.fromkeys((0, 2), EMPTY)
