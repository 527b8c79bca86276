import io
import os
import pickle
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data.files.sources import list_images
from raycluster.data.row_index import index_rows
from raycluster.data.rows import MAX_RANGE_BYTES
from raycluster.data.unreadable import Unreadable


@pytest.fixture
def index(tmp_path):
    """NPZ files with 70 images, none (unreadable) and 200 images of 2 x 2; all pixels of image i are i modulo 256."""
    images = np.repeat(np.arange(270, dtype=np.uint8), 4).reshape(270, 2, 2)
    np.savez(tmp_path / "a.npz", images=images[:70], labels=np.arange(70))
    (tmp_path / "b.npz").write_bytes(b"nothing")
    np.savez_compressed(tmp_path / "c.npz", images=images[70:])
    return index_rows(list_images(str(tmp_path)))


def test_ranges_cover_all_rows_in_order_and_never_span_two_files(index):
    rows = index.rows
    for start, stop in [(0, 271), (60, 75), (3, 4), (5, 5)]:
        ranges = rows.ranges(start, stop)
        assert [row for first, last in ranges for row in range(first, last)] == list(range(start, stop))
        assert all(len(set(rows.file[first:last])) == 1 for first, last in ranges)
        assert all(0 < last - first <= 64 for first, last in ranges)


def test_ranges_of_large_images_are_shorter(index):
    ranges = index.rows.ranges(0, 60, MAX_RANGE_BYTES // 10)
    assert (np.diff(ranges, axis=1) == 10).all()


def test_any_range_of_readable_rows_is_read_in_another_process_too(index):
    readable = pickle.loads(pickle.dumps(index.rows.select(np.arange(271) != 70)))
    for start, stop in readable.ranges(0, 270):
        values = [pixels[0, 0] for pixels in readable.read(start, stop)]
        assert values == [row % 256 for row in range(start, stop)]


def test_a_deleted_file_and_a_broken_link_have_a_plain_reason(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("nowhere")
    rows = index_rows(list_images(str(tmp_path))).rows
    os.remove(tmp_path / "a.png")
    assert [str(item) for item in rows.read(0, 2)] == ["the file no longer exists, or is a broken link"] * 2


def test_links_in_a_circle_and_names_too_long_are_not_a_matter_of_the_moment(tmp_path):
    (tmp_path / "a.png").symlink_to("a.png")
    rows = index_rows(list_images(str(tmp_path))).rows
    assert [str(item) for item in rows.read(0, 1)] == ["a link that leads back to itself"]
    (tmp_path / "list.txt").write_text("x" * 300 + ".png")
    rows = index_rows(list_images(str(tmp_path / "list.txt"))).rows
    assert [str(item) for item in rows.read(0, 1)] == ["its name is too long for the file system"]


def test_the_rows_of_a_parquet_file_that_is_damaged_later_are_unreadable(tmp_path):
    pq.write_table(pa.table({"image": [b"a", b"b"]}), tmp_path / "a.parquet")
    rows = index_rows(list_images(str(tmp_path))).rows
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no more")
    assert all(isinstance(item, Unreadable) for item in rows.read(0, 2))


def test_the_missing_rows_of_an_array_that_was_shortened_are_unreadable(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((5, 4, 4), np.uint8))
    rows = index_rows(list_images(str(tmp_path))).rows
    rows.close()
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 4, 4), np.uint8))
    items = rows.read(2, 5)
    assert [str(item) for item in items] == ["the content of the file has changed since it was listed"] * 3


def test_ranges_have_rows_of_one_container_or_of_files_that_are_read_one_by_one(tmp_path):
    for name in ("a.png", "b.txt", "c.png", "f.png"):
        (tmp_path / name).write_bytes(name.encode())
    np.savez(tmp_path / "d.npz", images=np.zeros((3, 2, 2), np.uint8))
    pq.write_table(pa.table({"image": [b"1", b"2", b"3"]}), tmp_path / "e.parquet", row_group_size=2)
    rows = index_rows(list_images(str(tmp_path))).rows
    assert rows.ranges(0, 10).tolist() == [[0, 3], [3, 6], [6, 8], [8, 9], [9, 10]]
    first, left_out, last = rows.read(0, 3)
    assert (first, str(left_out), last) == (b"a.png", "the file is left out", b"c.png")
    assert rows.read(6, 8) == [b"1", b"2"]
    assert rows.read(9, 10) == [b"f.png"]
    assert not rows.are_arrays
    assert index_rows(list_images(f"{tmp_path}/[bd]*")).rows.are_arrays


def test_paths_in_parquet_are_read_relative_to_it(tmp_path):
    (tmp_path / "sub" / "images").mkdir(parents=True)
    (tmp_path / "sub" / "images" / "1.png").write_bytes(b"one")
    paths = ["images/1.png", "images/2.png", None, f"{tmp_path}/sub/images/1.png"]
    pq.write_table(pa.table({"path": paths}), tmp_path / "sub" / "a.parquet")
    index = index_rows(list_images(f"{tmp_path}/sub/*.parquet"))
    assert index.paths.to_pylist() == ["images/1.png", "images/2.png", "a.parquet#2", f"{tmp_path}/sub/images/1.png"]
    one, gone, missing, absolute = index.rows.read(0, 4)
    assert (one, absolute) == (b"one", b"one")
    assert "no longer exists" in str(gone)
    assert "no path" in str(missing)
    assert index_rows(list_images(str(tmp_path / "*" / "*.parquet"))).rows.read(0, 1) == [b"one"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_path_in_parquet_that_names_no_file_is_rejected_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    pq.write_table(pa.table({"path": ["pipe.png", "."]}), tmp_path / "a.parquet")
    reasons = [str(item) for item in index_rows(list_images(str(tmp_path / "a.parquet"))).rows.read(0, 2)]
    assert reasons == ["not a regular file", "a folder, not a file"]


def test_members_of_a_compressed_tar_are_read_in_any_order_in_another_process_too(tmp_path):
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for i in range(70):
            info = tarfile.TarInfo(f"{i:02}.png")
            info.size = 1000
            archive.addfile(info, io.BytesIO(bytes([i]) * 1000))
    index = index_rows(list_images(str(tmp_path)))
    assert "a.tgz is compressed" in index.notes[0]
    rows = pickle.loads(pickle.dumps(index.rows))
    for start, stop in rows.ranges(0, 70).tolist()[::-1]:
        assert rows.read(start, stop) == [bytes([i]) * 1000 for i in range(start, stop)]
    rows.close()


def test_files_that_a_parquet_file_names_in_place_of_bytes_are_read_relative_to_it(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "1.png").write_bytes(b"one")
    structs = [{"bytes": None, "path": "1.png"}, {"bytes": b"two", "path": "1.png"}, {"bytes": None, "path": "3.png"}]
    pq.write_table(pa.table({"image": structs}), tmp_path / "sub" / "a.parquet")
    rows = index_rows(list_images(f"{tmp_path}/**/*.parquet")).rows
    one, two, gone = rows.read(0, 3)
    assert (one, two) == (b"one", b"two")
    assert str(gone) == "its bytes are missing (null), and there is no file of its path"
