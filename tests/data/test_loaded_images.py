import numpy as np
import pytest
from PIL import Image

from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images, read_all
from raycluster.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Five images, of which the second is cut off after its header, and the last one is blank."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:50])
    Image.new("L", (8, 8), 77).save(tmp_path / "4.png")
    return tmp_path


def test_damaged_images_are_rejected_and_the_others_keep_their_ids(folder):
    opened = open_images(str(folder))
    read = []
    loaded = load_images(opened, read.append)
    assert (opened.n, loaded.n, read[-1]) == (5, 4, 5)
    assert loaded.ids.tolist() == [0, 2, 3, 4]
    assert [path for path, _ in loaded.rejected] == ["1.png"]
    assert loaded.rejected[0].reason.startswith("damaged")
    assert loaded.fingerprint != opened.fingerprint
    for path, image in zip(loaded.paths, loaded.pixels, strict=True):
        np.testing.assert_array_equal(image[0], np.asarray(Image.open(folder / path)))
    rows, images = loaded.take(np.array([1, 2]))
    np.testing.assert_array_equal(images, loaded.pixels[rows])


def test_blank_images_are_named(folder):
    assert load_images(open_images(str(folder))).warnings == ("1 of 4 images are blank: 4.png.",)


def test_blocks_go_to_the_consumer_once(folder):
    times = np.zeros(5, int)
    _, is_readable = read_all(open_images(str(folder)), lambda rows, block: np.add.at(times, rows, 1))
    assert times.tolist() == [1, 1, 1, 1, 1]
    assert is_readable.tolist() == [True, False, True, True, True]


def test_a_set_in_which_everything_is_damaged_is_an_error(folder):
    opened = open_images(str(folder / "1.png"))
    with pytest.raises(UserError, match=r"None of the 1 inputs in .*1.png is a readable image: 1 x damaged"):
        load_images(opened)
