import numpy as np
import pytest
import torch
from PIL import Image

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import decode
from raycluster.data.image.fit import place, prepare
from raycluster.data.image.fit_on_device import fill_on_device


def on_device(pixels: np.ndarray, canvas: Canvas) -> np.ndarray:
    planes = torch.tensor(np.atleast_3d(pixels)).permute(2, 0, 1)
    return fill_on_device(planes, place(*pixels.shape[:2], canvas), canvas).numpy()


def test_shrinking_by_an_integer_averages_exactly_the_replaced_pixels():
    pixels = np.array([[0, 4, 10, 10], [8, 0, 10, 10]], np.uint8)
    np.testing.assert_array_equal(on_device(pixels, Canvas(1, 1, 2)), [[[3, 10]]])


def test_half_the_size_less_a_pixel_has_weights_worked_out_by_hand():
    # Three new pixels of 5/3 old ones each: of the first, the center is 5/6, and its triangle reaches 5/3 to each side.
    first = np.array([1 - (5 / 6 - 1 / 2) / (5 / 3), 1 - (3 / 2 - 5 / 6) / (5 / 3), 0])  # 0.8, 0.6
    first[2] = 1 - (5 / 2 - 5 / 6) / (5 / 3)  # 0
    values = np.array([100, 30, 200, 7, 9], np.uint8)
    expected = round(float(first / first.sum() @ values[:3]))  # 70
    assert on_device(np.tile(values, (5, 1)), Canvas(1, 3, 3))[0, 0, 0] == expected == 70


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("size", [(48, 64), (64, 64), (61, 29), (427, 640), (500, 700), (1, 1), (3, 200)])
def test_it_is_what_pillow_makes_to_within_a_level(photographs, fit, size):
    for data in photographs:
        whole = decode(data)
        for pixels in (whole, np.ascontiguousarray(whole[:300, :77]), np.asarray(Image.fromarray(whole).convert("L"))):
            canvas = Canvas(3 if pixels.ndim == 3 else 1, *size, fit)
            difference = np.abs(on_device(pixels, canvas).astype(int) - prepare(pixels, canvas))
            assert difference.max() <= 1


@pytest.mark.parametrize("size", [(48, 64), (224, 224), (500, 700)])
@pytest.mark.parametrize("share", [1.0, 0.875])
def test_a_cubic_is_what_pillow_makes_to_within_two_levels(photographs, share, size):
    for data in photographs:
        pixels = decode(data)
        canvas = Canvas(3, *size, "crop", None, share, "bicubic")
        difference = np.abs(on_device(pixels, canvas).astype(int) - prepare(pixels, canvas))
        assert difference.max() <= 2
        assert difference.mean() < 0.3


def test_an_image_of_the_size_of_the_canvas_stays_as_it_is(photographs):
    pixels = decode(photographs[0])
    np.testing.assert_array_equal(on_device(pixels, Canvas(3, 427, 640)), pixels.transpose(2, 0, 1))


def test_padding_shows_all_of_the_image_on_the_median_color_of_its_border():
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:] = (10, 20, 30)
    pixels[0, 0] = (255, 0, 255)
    np.testing.assert_array_equal(on_device(pixels, Canvas(3, 5, 4)), prepare(pixels, Canvas(3, 5, 4)))
