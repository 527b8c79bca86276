import numpy as np
from PIL import Image

from raycluster.data.blocks import read_block, read_ranges
from raycluster.data.canvas import Canvas
from raycluster.data.files.sources import list_images
from raycluster.data.row_index import index_rows


def rows_of(folder):
    return index_rows(list_images(str(folder))).rows


def test_a_block_has_prepared_images_and_the_reasons_for_missing_ones(tmp_path):
    Image.new("L", (4, 4), 7).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"nonsense")
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "c.png")
    block = read_block(rows_of(tmp_path), 0, 3, Canvas(1, 4, 4))
    assert block.images.shape == (3, 1, 4, 4)
    assert block.images[:, 0, 0, 0].tolist() == [7, 0, 9]
    assert block.reasons == {1: "not an image: its content is of no known format"}
    assert block.read_seconds > 0 < block.decode_seconds
    ((rows, images, reasons),) = read_ranges(rows_of(tmp_path), Canvas(1, 4, 4), np.array([[0, 3]]))
    assert (rows.tolist(), reasons) == ([0, 1, 2], block.reasons)
    assert (images == block.images).all()


def test_arrays_of_the_right_size_are_returned_unchanged(tmp_path):
    images = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4)
    np.savez(tmp_path / "a.npz", images=images)
    rows = rows_of(tmp_path)
    assert (read_block(rows, 1, 3, Canvas(1, 4, 4)).images[:, 0] == images[1:]).all()
    assert read_block(rows, 1, 3, Canvas(3, 2, 2)).images.shape == (2, 3, 2, 2)


def test_arrays_of_more_than_8_bits_are_brought_to_the_range_of_the_canvas(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.full((1, 2, 2), 2048, np.uint16))
    block = read_block(rows_of(tmp_path), 0, 1, Canvas(1, 2, 2, value_range=(0, 4095)))
    assert (block.images == 128).all()
    assert block.reasons == {}


def test_frames_and_suffixes_are_heeded(tmp_path):
    pages = [Image.new("L", (4, 4), value) for value in (10, 20)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    Image.new("L", (4, 4), 30).save(tmp_path / "b.tga")
    rows = rows_of(tmp_path)
    rows.position[0] = 1
    assert read_block(rows, 0, 2, Canvas(1, 4, 4)).images[:, 0, 0, 0].tolist() == [20, 30]
