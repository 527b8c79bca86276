import os
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data.decode import Unreadable
from raycluster.data.rows import MAX_RANGE_BYTES, decode_each, find_rows
from raycluster.data.sources import list_source


@pytest.fixture
def archives(tmp_path):
    """Three NPZ files with 70, 1 unreadable and 200 images of 2 x 2, all pixels of image i being i modulo 256."""
    images = np.repeat(np.arange(270, dtype=np.uint8), 4).reshape(270, 2, 2)
    np.savez(tmp_path / "a.npz", images=images[:70], labels=np.arange(70))
    (tmp_path / "b.npz").write_bytes(b"nothing")
    np.savez_compressed(tmp_path / "c.npz", images=images[70:])
    return find_rows(list_source(str(tmp_path)))


def test_rows_are_numbered_by_file_and_an_unreadable_container_counts_as_one(archives):
    assert len(archives.rows) == 271
    assert list(archives.reasons) == [70]
    paths = archives.rows.paths()
    assert [paths[0], paths[69], paths[70], paths[71], paths[270]] == [
        "a.npz#0",
        "a.npz#69",
        "b.npz#0",
        "c.npz#0",
        "c.npz#199",
    ]
    assert archives.labels[:70].tolist() == list(range(70))
    assert set(archives.labels[70:]) == {-1}


def test_ranges_cover_all_rows_in_order_and_stay_within_a_file(archives):
    rows = archives.rows
    for start, stop in [(0, 271), (60, 75), (3, 4), (5, 5)]:
        ranges = rows.ranges(start, stop)
        assert [row for first, last in ranges for row in range(first, last)] == list(range(start, stop))
        assert all(len(set(rows.file[first:last])) == 1 for first, last in ranges)
        assert all(0 < last - first <= 64 for first, last in ranges)


def test_ranges_of_large_images_hold_fewer_of_them(archives):
    ranges = archives.rows.ranges(0, 60, MAX_RANGE_BYTES // 10)
    assert (np.diff(ranges, axis=1) == 10).all()


def test_any_range_of_the_readable_rows_is_read_also_in_another_process(archives):
    readable = pickle.loads(pickle.dumps(archives.rows.select(np.arange(271) != 70)))
    for start, stop in readable.ranges(0, 270):
        values = [pixels[0, 0] for pixels in decode_each(readable.read(start, stop))]
        assert values == [row % 256 for row in range(start, stop)]


def test_labels_that_do_not_belong_to_the_images_are_left_with_a_note(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 2, 2), np.uint8), labels=[1, 2])
    found = find_rows(list_source(str(tmp_path)))
    assert found.labels is None
    assert found.notes == ["The labels in a.npz were not used: their shape is (2,) for 3 images."]


def test_a_damaged_labels_file_does_not_cost_the_images(tmp_path):
    (tmp_path / "x-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x02abcd")
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01\x05")
    assert find_rows(list_source(str(tmp_path))).labels.tolist() == [5]
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(b"nonsense")
    found = find_rows(list_source(str(tmp_path)))
    assert (len(found.rows), found.labels, found.reasons) == (1, None, {})
    assert "x-labels-idx1-ubyte were not used" in found.notes[0]


def test_a_file_that_vanished_and_a_link_to_nowhere_have_a_plain_reason(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("nowhere")
    rows = find_rows(list_source(str(tmp_path))).rows
    os.remove(tmp_path / "a.png")
    assert [str(item) for item in rows.read(0, 2)] == ["the file has vanished, or is a link to nowhere"] * 2


def test_a_parquet_file_that_is_damaged_later_makes_its_rows_unreadable(tmp_path):
    pq.write_table(pa.table({"image": [b"a", b"b"]}), tmp_path / "a.parquet")
    rows = find_rows(list_source(str(tmp_path))).rows
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no more")
    assert all(isinstance(item, Unreadable) for item in rows.read(0, 2))


def test_rows_of_an_array_that_has_become_shorter_are_unreadable(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((5, 4, 4), np.uint8))
    rows = find_rows(list_source(str(tmp_path))).rows
    rows.close()
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 4, 4), np.uint8))
    items = rows.read(2, 5)
    assert [str(item) for item in items] == ["the file has other contents than when it was listed"] * 3
