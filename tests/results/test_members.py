import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data.files.sources import list_images
from raycluster.data.images import index_source
from raycluster.data.reading import Reading
from raycluster.results.members import has_suffix, local_files, read_members

PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)


def encoded(form):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, form)
    return file.getvalue()


@pytest.fixture
def members(tmp_path):
    """Read all images of a folder as files."""

    def read(frames="first", value_range=None):
        rows = index_source(list_images(str(tmp_path)), Reading(frames=frames)).rows
        return rows, list(read_members(rows, np.arange(len(rows)), value_range))

    return read


def test_encoded_members_stay_as_they_are_and_get_the_suffix_of_their_format(members, tmp_path):
    data = [encoded("JPEG"), encoded("PNG")]
    pq.write_table(pa.table({"image": data}), tmp_path / "a.parquet")
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        info = tarfile.TarInfo("x.png")
        info.size = len(data[1])
        tar.addfile(info, io.BytesIO(data[1]))
    rows, found = members()
    assert [one.content for one in found] == [*data, data[1]]
    assert [one.suffix for one in found] == [".jpg", ".png", ".png"]
    assert [one.row for one in found] == [0, 1, 2]
    assert not local_files(rows).any()


def test_arrays_become_png_with_the_same_pixels(members, tmp_path):
    np.savez(tmp_path / "a.npz", images=np.stack([PIXELS, PIXELS[::-1]]))
    _, found = members()
    assert [one.suffix for one in found] == [".png", ".png"]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(found[1].content))), PIXELS[::-1])


def test_values_of_more_than_8_bits_are_scaled_as_for_the_network(members, tmp_path):
    np.savez(tmp_path / "a.npz", images=PIXELS[None].astype(np.uint16) * 10)
    _, (found,) = members(value_range=(0, 470))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(found.content)))[0, :3], [0, 5, 11])


def test_pages_become_files_of_their_own_and_a_file_of_one_image_is_one(members, tmp_path):
    pages = [Image.new("L", (8, 8), value) for value in (10, 20)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "b.png")
    rows, found = members("all")
    assert local_files(rows).tolist() == [False, False, True]
    assert [Image.open(io.BytesIO(one.content)).getpixel((0, 0)) for one in found] == [10, 20, 10]
    assert local_files(members()[0]).tolist() == [True, True]


def test_what_cannot_be_read_is_returned_with_the_reason(members, tmp_path):
    np.savez(tmp_path / "a.npz", images=PIXELS[None])
    rows, _ = members()
    (tmp_path / "a.npz").unlink()
    rows.close()
    (found,) = read_members(rows, np.array([0]), None)
    assert found.problem == "the file no longer exists, or is a broken link"
    assert list(read_members(rows, np.array([], np.int64), None)) == []


def test_a_suffix_is_one_of_images():
    assert has_suffix("a/b.JPG")
    assert not has_suffix("a.npz#3")
