import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.files.sources import list_images
from raycluster.data.row_index import index_rows, known_classes


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
