import io

import numpy as np
from PIL import Image

from raycluster.data.files.sources import list_images
from raycluster.data.row_index import index_rows
from raycluster.data.thumbnails import LONG_SIDE, encode_picture, thumbnails


def test_thumbnails_are_made_from_the_originals_in_their_own_aspect(tmp_path):
    Image.new("RGB", (1600, 400), (200, 30, 40)).save(tmp_path / "a.jpg")
    Image.new("L", (20, 30), 99).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"nonsense")
    np.savez(tmp_path / "d.npz", images=np.full((1, 5, 6, 3), 7, np.uint8))
    found = thumbnails(index_rows(list_images(str(tmp_path))).rows)
    wide, small, missing, array = (data and Image.open(io.BytesIO(data)) for data in found)
    assert (wide.size, wide.mode) == ((LONG_SIDE, LONG_SIDE // 4), "RGB")
    assert np.abs(np.asarray(wide).astype(int) - (200, 30, 40)).max() < 5
    assert (small.size, small.mode, small.getpixel((3, 3))) == ((20, 30), "L", 99)
    assert missing is None
    assert (array.size, array.getpixel((0, 0))) == ((6, 5), (7, 7, 7))


def test_deep_images_are_seen_in_the_range_of_their_set(tmp_path):
    Image.fromarray(np.full((4, 4), 4095, np.uint16)).save(tmp_path / "a.png")
    np.savez(tmp_path / "b.npz", images=np.full((1, 4, 4), 4095, np.uint16))
    rows = index_rows(list_images(str(tmp_path))).rows
    assert [Image.open(io.BytesIO(one)).getpixel((0, 0)) for one in thumbnails(rows, (0, 4095))] == [255, 255]


def test_large_pictures_are_jpeg_and_small_ones_keep_their_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8)
    assert encode_picture(pixels)[:3] == b"\xff\xd8\xff"
    small = pixels[:64, :64]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_picture(small)))), small)
