import io

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from raycluster.data.image.pixel_values import depth, scale_16_bit, scale_to_uint8, stored_values, to_uint8
from raycluster.data.unreadable import Unreadable


def tiff(values: np.ndarray, photometric: int) -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", tiffinfo=TiffImagePlugin.ImageFileDirectory_v2())
    tag = (262).to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00"
    data = buffer.getvalue()
    assert data.count(tag) == 1
    return Image.open(io.BytesIO(data.replace(tag + b"\x01", tag + photometric.to_bytes(1, "little"))))


@pytest.mark.parametrize(("mode", "bits"), [("L", 8), ("RGB", 8), ("P", 8), ("I;16B", 16), ("I", 32), ("F", 32)])
def test_depth_is_how_pillow_holds_an_image(mode, bits):
    assert depth(mode) == bits


def test_only_images_of_more_than_8_bits_have_stored_values():
    assert stored_values(Image.new("L", (2, 2))) is None
    assert stored_values(Image.new("RGBA", (2, 2))) is None
    values = np.array([[1, 60_000]], np.uint16)
    np.testing.assert_array_equal(stored_values(Image.fromarray(values)), values)


@pytest.mark.parametrize(
    ("values", "bright"),
    [
        (np.array([[0, 1, 65535]], np.uint16), [[65535, 65534, 0]]),
        (np.array([[0, 0.25, 1]], np.float32), [[1, 0.75, 0]]),
    ],
)
def test_values_grow_with_brightness_even_where_zero_is_white(values, bright):
    np.testing.assert_array_equal(stored_values(tiff(values, 0)), bright)
    np.testing.assert_array_equal(stored_values(tiff(values, 1)), values)


def test_a_range_is_mapped_linearly_rounded_and_clipped():
    values = np.array([-5, 100, 149, 150, 151, 200, 1000])
    assert to_uint8(values, (100, 200)).tolist() == [0, 0, 125, 128, 130, 255, 255]
    assert to_uint8(np.array([np.nan, -np.inf, np.inf, 0.5]), (0, 1)).tolist() == [0, 0, 255, 128]


def test_16_bits_are_scaled_as_an_explicit_full_range_is():
    values = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(scale_16_bit(values), to_uint8(values, (0, 65535)))
    np.testing.assert_array_equal(scale_16_bit(np.array([0, 128, 129, 65535])), [0, 0, 1, 255])
    assert scale_16_bit(np.array([0, 4095]), (0, 4095)).tolist() == [0, 255]


@pytest.mark.parametrize("values", [[-1, 5], [0, 65536]])
def test_integers_beyond_16_bits_need_a_range(values):
    with pytest.raises(Unreadable, match=f"range from {values[0]} to {values[1]}: set --value-range"):
        scale_16_bit(np.array(values, np.int32))
    assert scale_16_bit(np.array(values, np.int32), tuple(values)).tolist() == [0, 255]


def test_numbers_are_scaled_by_their_type():
    np.testing.assert_array_equal(scale_to_uint8(np.array([0, 7, 255], np.int64)), [0, 7, 255])
    np.testing.assert_array_equal(scale_to_uint8(np.array([0.0, 0.5, 1.0])), [0, 128, 255])
    np.testing.assert_array_equal(scale_to_uint8(np.array([False, True])), [0, 255])


def test_a_range_changes_all_numbers_but_those_of_8_bits():
    pixels = np.array([0, 7, 255], np.uint8)
    assert scale_to_uint8(pixels, (0, 7)) is pixels
    assert scale_to_uint8(np.array([0, 7, 14]), (0, 14)).tolist() == [0, 128, 255]
    assert scale_to_uint8(np.array([-2.0, 2.0]), (-2, 2)).tolist() == [0, 255]


@pytest.mark.parametrize("values", [[-1, 3], [0, 256], [0.0, 1.5], [0.0, np.nan], ["a", "b"]])
def test_numbers_of_unknown_range_are_unreadable(values):
    with pytest.raises(Unreadable):
        scale_to_uint8(np.array(values))
