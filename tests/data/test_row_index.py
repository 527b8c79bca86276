import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.row_index import index_rows, known_classes
from raycluster.data.sources import list_images


@pytest.fixture
def index(tmp_path):
    """NPZ files with 70 images, none (unreadable) and 200 images of 2 x 2."""
    images = np.repeat(np.arange(270, dtype=np.uint8), 4).reshape(270, 2, 2)
    np.savez(tmp_path / "a.npz", images=images[:70], labels=np.arange(70))
    (tmp_path / "b.npz").write_bytes(b"nothing")
    np.savez_compressed(tmp_path / "c.npz", images=images[70:])
    return index_rows(list_images(str(tmp_path)))


def test_rows_are_numbered_file_by_file_and_an_unreadable_container_counts_as_one(index):
    assert len(index.rows) == 271
    assert list(index.reasons) == [70]
    paths = index.paths.to_pylist()
    assert [paths[0], paths[69], paths[70], paths[71], paths[270]] == [
        "a.npz#0",
        "a.npz#69",
        "b.npz",
        "c.npz#0",
        "c.npz#199",
    ]
    assert index.labels[:70].tolist() == list(range(70))
    assert set(index.labels[70:]) == {-1}


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


def test_files_that_are_left_out_are_rows_in_their_place(tmp_path):
    for name in ("a.png", "b.txt", "c/d.png", "c/.e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    index = index_rows(list_images(str(tmp_path)))
    assert index.paths.to_pylist() == ["a.png", "b.txt", "c/.e.png", "c/d.png"]
    assert {row: str(reason) for row, reason in index.reasons.items()} == {1: "not an image: .txt", 2: "hidden"}
    assert not index.sizes.any()
    assert index.rows.n_bytes.tolist() == [1, 0, 0, 1]  # what is left out is not read


def test_rows_of_several_kinds_are_numbered_and_named_together(tmp_path):
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        for name, data in {"x/1.png": b"one", "x/1.cls": b"3", "2.txt": b"text"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (tmp_path / "a.png").write_bytes(b"x")
    np.savez(tmp_path / "c.npz", images=np.zeros((2, 4, 5), np.uint8), labels=[6, 7])
    pq.write_table(pa.table({"image": [b"", b""], "path": ["here.png", None]}), tmp_path / "d.parquet")
    (tmp_path / "e.tar").write_bytes(b"no tar")
    (tmp_path / "f.png").write_bytes(b"x")
    listing = list_images(str(tmp_path))
    index = index_rows(listing)
    assert index.paths.to_pylist() == [
        *("a.png", "b.tar/x/1.png", "b.tar/2.txt", "c.npz#0", "c.npz#1", "here.png", "d.parquet#1", "e.tar", "f.png")
    ]
    assert sorted(index.reasons) == [2, 7]
    assert index.labels.tolist() == [-1, 3, -1, 6, 7, -1, -1, -1, -1]
    assert index.sizes[[3, 4]].tolist() == [[4, 5, 1]] * 2
    assert index.rows.file.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 5]
    some = index_rows(listing.select([1, 4]))
    assert some.paths.to_pylist() == ["b.tar/x/1.png", "b.tar/2.txt", "e.tar"]


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


def test_known_classes_are_those_of_the_files_or_of_the_folders_of_image_files(tmp_path):
    for name in ("x/cat/1.png", "x/dog/2.png", "y/cat/3.png", "y/cat/4.txt", "y/5.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "y" / "metadata.csv").write_text("file_name,label\n5.png,five\n")
    index = index_rows(list_images(str(tmp_path)))
    labels, names, notes = known_classes(index)
    assert (labels.tolist(), names, notes) == ([-1, -1, 0, -1, -1], ["five"], [])
    labels, names, notes = known_classes(index, "folders")
    assert (labels.tolist(), names) == ([0, 0, 1, 1, -1], ["x", "y"])
    assert "set labels to last-folders" in notes[0]
    labels, names, _ = known_classes(index, "last-folders")
    assert (labels.tolist(), names) == ([0, 1, 2, 0, -1], ["cat", "dog", "y"])
