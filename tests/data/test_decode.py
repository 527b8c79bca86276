import io

import numpy as np
import pytest
from PIL import Image

from raycluster.data.decode import MAX_PIXELS, Unreadable, as_image, decode, prepare, prepare_block, scale_to_uint8


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def ramp():
    """A gray image, 4 x 8, of 32 different values."""
    return np.arange(0, 256, 8, dtype=np.uint8).reshape(4, 8)


@pytest.mark.parametrize("kind", ["PNG", "PPM", "BMP", "GIF", "TIFF"])
def test_lossless_gray_images_come_back_exactly_and_gray(ramp, kind):
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(ramp), kind)), ramp)


def test_color_images_stay_in_color_even_if_all_their_pixels_are_gray(ramp):
    pixels = decode(encoded(Image.fromarray(ramp).convert("RGB")))
    np.testing.assert_array_equal(pixels, np.repeat(ramp[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bits_are_scaled_not_clipped(kind):
    wide = np.array([[0, 257, 300, 385], [386, 32768, 65278, 65535]], np.uint16)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(wide), kind)), [[0, 1, 1, 1], [2, 128, 254, 255]])


def test_32_bit_integers_without_a_known_white_point_are_unreadable():
    with pytest.raises(Unreadable, match="32-bit"):
        decode(encoded(Image.fromarray(np.array([[0, 100_000]], np.int32)), "TIFF"))


def test_floating_point_tiff_is_scaled_from_zero_to_one():
    values = np.array([[0, 0.5, 1]], np.float32)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(values), "TIFF")), [[0, 128, 255]])


def test_transparent_areas_are_placed_on_white():
    color = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    color.putpixel((1, 0), (10, 20, 30, 0))
    np.testing.assert_array_equal(decode(encoded(color)), [[[10, 20, 30], [255, 255, 255]]])
    gray = Image.new("LA", (2, 1), (10, 255))
    gray.putpixel((1, 0), (10, 0))
    np.testing.assert_array_equal(decode(encoded(gray)), [[10, 255]])
    palette = Image.new("P", (2, 1))
    palette.putpalette([200, 0, 0, 0, 0, 200])
    palette.putpixel((1, 0), 1)
    np.testing.assert_array_equal(decode(encoded(palette, transparency=1)), [[[200, 0, 0], [255, 255, 255]]])


def test_palettes_become_color_or_gray_as_their_colors_are(ramp):
    gray = Image.fromarray(ramp).convert("P")
    np.testing.assert_array_equal(decode(encoded(gray)), ramp)
    red = Image.new("P", (1, 1))
    red.putpalette([200, 0, 0])
    np.testing.assert_array_equal(decode(encoded(red)), [[[200, 0, 0]]])


def test_one_bit_images_become_black_and_white():
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(decode(encoded(image)), [[0, 255]])


def test_cmyk_becomes_rgb():
    pixels = decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert pixels.shape == (8, 8, 3)
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 3


def test_the_first_frame_of_an_animation_is_decoded(ramp):
    second = Image.fromarray(255 - ramp)
    data = encoded(Image.fromarray(ramp), "GIF", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    np.testing.assert_array_equal(decode(data), ramp)


def test_images_are_rotated_as_their_exif_orientation_says(ramp):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated: the image is upright after a quarter turn clockwise
    data = encoded(Image.fromarray(ramp), exif=exif)
    np.testing.assert_array_equal(decode(data), np.rot90(ramp, -1))


def test_a_long_strip_is_read_and_a_decompression_bomb_is_not():
    assert decode(encoded(Image.new("L", (20_000, 40)))).shape == (40, 20_000)
    side = int(MAX_PIXELS**0.5) + 1
    bomb = encoded(Image.new("1", (side, side)))
    assert len(bomb) < 100_000
    with pytest.raises(Unreadable, match=f"too large: {side} x {side} pixels"):
        decode(bomb)


def test_a_bomb_that_pillow_itself_detects_has_the_same_plain_reason():
    header = b"P4\n60000 60000\n"
    with pytest.raises(Unreadable, match="too large"):
        decode(header)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "PPM", "WEBP"])
def test_truncated_images_are_unreadable(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(Unreadable, match=r"damaged|not an image"):
        decode(data[: len(data) // 2])


def test_empty_and_text_files_are_unreadable_with_the_reason():
    with pytest.raises(Unreadable, match="empty"):
        decode(b"")
    with pytest.raises(Unreadable, match="not an image"):
        decode(b"Dear reader, this is not a picture.")


def test_formats_that_start_external_programs_are_not_tried():
    with pytest.raises(Unreadable, match="not an image"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")


def test_numbers_are_scaled_by_their_type():
    np.testing.assert_array_equal(scale_to_uint8(np.array([0, 7, 255], np.int64)), [0, 7, 255])
    np.testing.assert_array_equal(scale_to_uint8(np.array([0.0, 0.5, 1.0])), [0, 128, 255])
    np.testing.assert_array_equal(scale_to_uint8(np.array([False, True])), [0, 255])


@pytest.mark.parametrize("values", [[-1, 3], [0, 256], [0.0, 1.5], [0.0, np.nan], ["a", "b"]])
def test_numbers_of_unknown_range_are_unreadable(values):
    with pytest.raises(Unreadable):
        scale_to_uint8(np.array(values))


def test_arrays_may_have_channels_first_or_last(ramp):
    color = np.stack([ramp, ramp // 2, ramp // 4], axis=-1)
    np.testing.assert_array_equal(as_image(ramp), ramp)
    np.testing.assert_array_equal(as_image(ramp[..., None]), ramp)
    np.testing.assert_array_equal(as_image(ramp[None]), ramp)
    np.testing.assert_array_equal(as_image(color), color)
    np.testing.assert_array_equal(as_image(np.moveaxis(color, -1, 0)), color)
    opaque = np.concatenate([color, np.full((4, 8, 1), 255, np.uint8)], axis=-1)
    np.testing.assert_array_equal(as_image(opaque), color)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5), (4, 8, 2), (0, 8)])
def test_arrays_of_other_shapes_are_not_images(shape):
    with pytest.raises(Unreadable, match="is not an image"):
        as_image(np.zeros(shape, np.uint8))


def test_shrinking_by_an_integer_averages_exactly_the_replaced_pixels():
    pixels = np.array([[0, 4, 10, 10], [8, 0, 10, 10]], np.uint8)
    np.testing.assert_array_equal(prepare(pixels, (1, 1, 2)), [[[3, 10]]])


def test_other_shrinking_does_not_alias():
    stripes = np.tile(np.array([0, 255], np.uint8), (100, 50))
    shrunk = prepare(stripes, (1, 30, 30))
    assert abs(shrunk.mean() - 127.5) < 2
    assert shrunk.std() < 30


def test_color_is_converted_as_the_set_needs_it(ramp):
    gray = prepare(ramp, (3, 4, 8))
    np.testing.assert_array_equal(gray, np.stack([ramp] * 3))
    red = np.zeros((4, 8, 3), np.uint8)
    red[..., 0] = 200
    np.testing.assert_array_equal(prepare(red, (1, 4, 8)), np.full((1, 4, 8), 60))  # 0.299 * 200
    np.testing.assert_array_equal(prepare(red, (3, 4, 8))[0], red[..., 0])


@pytest.mark.parametrize("layout", [(4, 8), (4, 8, 1), (4, 8, 3)])
def test_an_array_is_prepared_at_once_as_its_images_are_one_by_one(layout):
    values = np.random.default_rng(0).integers(0, 256, (5, *layout), np.uint8)
    channels = 3 if layout[2:] == (3,) else 1
    block = prepare_block(values, (channels, 4, 8))
    np.testing.assert_array_equal(block, [prepare(as_image(value), (channels, 4, 8)) for value in values])
    assert prepare_block(values, (4 - channels, 4, 8)) is None
    assert prepare_block(values, (channels, 8, 8)) is None
    assert prepare_block(values / 255, (channels, 4, 8)) is None
