import numpy as np
import pytest

from raycluster.data.row_index import index_rows
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
    paths = index.rows.paths()
    assert [paths[0], paths[69], paths[70], paths[71], paths[270]] == [
        "a.npz#0",
        "a.npz#69",
        "b.npz#0",
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
