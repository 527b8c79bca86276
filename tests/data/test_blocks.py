import numpy as np
from PIL import Image

from raycluster.data.blocks import read_block
from raycluster.data.row_index import index_rows
from raycluster.data.sources import list_images


def test_a_block_has_prepared_images_and_the_reasons_for_missing_ones(tmp_path):
    Image.new("L", (4, 4), 7).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"nonsense")
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "c.png")
    block = read_block(index_rows(list_images(str(tmp_path))).rows, 0, 3, (1, 4, 4))
    assert block.images.shape == (3, 1, 4, 4)
    assert block.images[:, 0, 0, 0].tolist() == [7, 0, 9]
    assert block.reasons == {1: "not an image: its content is of no known format"}
    assert block.read_seconds > 0 < block.decode_seconds


def test_arrays_of_the_right_size_are_returned_unchanged(tmp_path):
    images = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4)
    np.savez(tmp_path / "a.npz", images=images)
    rows = index_rows(list_images(str(tmp_path))).rows
    assert (read_block(rows, 1, 3, (1, 4, 4)).images[:, 0] == images[1:]).all()
    assert read_block(rows, 1, 3, (3, 2, 2)).images.shape == (2, 3, 2, 2)
