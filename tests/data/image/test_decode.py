import io

import numpy as np
import pytest
from PIL import Image, ImageOps, TiffImagePlugin

from raycluster.data.image.decode import as_image, decode
from raycluster.data.unreadable import Unreadable


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


def test_integers_without_a_known_white_point_need_a_range():
    for values in ([[0, 100_000]], [[-1000, 3000]]):
        data = encoded(Image.fromarray(np.array(values, np.int32)), "TIFF")
        with pytest.raises(Unreadable, match=r"no known white point.*set --value-range"):
            decode(data)
        assert decode(data, value_range=tuple(values[0])).tolist() == [[0, 255]]


def test_a_range_is_mapped_to_black_and_white():
    for dtype, kind in [(np.uint16, "PNG"), (np.uint16, "TIFF"), (np.int32, "TIFF"), (np.float32, "TIFF")]:
        data = encoded(Image.fromarray(np.array([[900, 1000, 1050, 1100, 1200]], dtype)), kind)
        assert decode(data, value_range=(1000, 1100)).tolist() == [[0, 0, 128, 255, 255]]
    assert decode(encoded(Image.new("L", (1, 1), 9)), value_range=(0, 18)).tolist() == [[9]]


def test_signed_16_bits_are_read_as_they_are():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[339] = 2  # signed
    values = np.array([[-1024, 0, 3071]], np.int16)
    data = encoded(Image.fromarray(values.view(np.uint16)), "TIFF", tiffinfo=tags)
    assert decode(data, value_range=(-1024, 3071)).tolist() == [[0, 64, 255]]
    with pytest.raises(Unreadable, match="range from -1024 to 3071"):
        decode(data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiff_files_in_which_zero_is_white_show_the_same_picture(ramp, dtype):
    top = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    data = encoded(Image.fromarray(((255 - ramp) * (top / 255)).astype(dtype)), "TIFF")
    photometric = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    assert data.count(photometric + b"\x01") == 1
    np.testing.assert_array_equal(decode(data.replace(photometric + b"\x01", photometric + b"\x00")), ramp)


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


def test_white_glyphs_on_a_transparent_ground_can_be_seen():
    glyph = Image.new("LA", (2, 1), (255, 0))
    glyph.putpixel((1, 0), (255, 255))
    np.testing.assert_array_equal(decode(encoded(glyph)), [[0, 255]])
    rgba = np.array([[[255, 255, 255, 0], [255, 255, 255, 255]]], np.uint8)
    np.testing.assert_array_equal(as_image(rgba)[0, :, 0], [0, 255])


def test_palettes_become_color_or_gray_as_their_colors_are(ramp):
    gray = Image.fromarray(ramp).convert("P")
    np.testing.assert_array_equal(decode(encoded(gray)), ramp)
    red = Image.new("P", (1, 1))
    red.putpalette([200, 0, 0])
    np.testing.assert_array_equal(decode(encoded(red)), [[[200, 0, 0]]])
    red.putpalette([50, 50, 50, 200, 0, 0])  # red occurs in the palette only
    np.testing.assert_array_equal(decode(encoded(red)), [[[50, 50, 50]]])


def test_one_bit_images_become_black_and_white():
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(decode(encoded(image)), [[0, 255]])


def test_cmyk_becomes_rgb():
    pixels = decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert pixels.shape == (8, 8, 3)
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_the_first_frame_is_decoded_unless_another_is_asked_for(ramp, kind):
    second = Image.fromarray(255 - ramp)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(Image.fromarray(ramp), kind, save_all=True, append_images=[second], **options)
    for frame, expected in enumerate((ramp, 255 - ramp)):
        pixels = decode(data, frame=frame)
        np.testing.assert_array_equal(pixels if pixels.ndim == 2 else pixels[..., 0], expected)
    with pytest.raises(Unreadable, match="it has no frame 2, counted from 0"):
        decode(data, frame=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_images_are_rotated_as_their_exif_orientation_says(ramp, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode(encoded(Image.fromarray(ramp), kind, exif=exif, **options))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(Image.fromarray(ramp), exif=exif)))))
    np.testing.assert_array_equal(pixels if pixels.ndim == 2 else pixels[..., 0], upright)
    if orientation == 6:  # the camera was rotated: the image is upright after a quarter turn clockwise
        np.testing.assert_array_equal(upright, np.rot90(ramp, -1))


def test_a_png_may_say_its_orientation_after_its_pixels(ramp):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(ramp), exif=exif)
    start = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[start : start + 4], "big")
    end = data.index(b"IEND") - 4
    late = data[:start] + data[start + length : end] + data[start : start + length] + data[end:]
    np.testing.assert_array_equal(decode(late), np.rot90(ramp, -1))


def photo(height: int, width: int) -> Image.Image:
    """Smooth shapes with a little noise, in color."""
    values = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    smooth = Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(1).normal(0, 6, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
@pytest.mark.parametrize(
    ("at_least", "decoded"),
    [
        ((48, 64), (120, 160)),
        ((60, 80), (120, 160)),
        ((61, 80), (240, 320)),
        ((60, 81), (240, 320)),
        ((121, 10), (480, 640)),
        ((1, 1), (15, 20)),
    ],
)
def test_an_image_is_decoded_reduced_but_at_least_twice_as_large_as_needed(kind, at_least, decoded):
    data = encoded(photo(480, 640), kind)
    expected = (60, 80) if kind == "JPEG" and at_least == (1, 1) else decoded
    assert decode(data, at_least=at_least).shape == (*expected, 3)
    assert decode(data, at_least=at_least, gray=True).shape == expected


def test_the_size_needed_is_counted_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(photo(480, 640), "JPEG", exif=exif), at_least=(80, 60)).shape == (160, 120, 3)


def test_nothing_changes_where_no_reduction_is_possible():
    for kind in ("JPEG", "JPEG2000", "PNG"):
        data = encoded(photo(64, 96), kind)
        np.testing.assert_array_equal(decode(data, at_least=(33, 40)), decode(data))
    assert decode(encoded(photo(64, 96)), at_least=(2, 2)).shape == (64, 96, 3)


def test_sizes_that_jpeg_2000_cannot_halve_that_often_are_read_larger():
    data = encoded(photo(1008, 1008).crop((0, 0, 1001, 1003)), "JPEG2000", num_resolutions=4)
    for side in (250, 120, 60, 30, 4):
        height, width, _ = decode(data, at_least=(side, side)).shape
        assert min(height, width) >= 2 * side
    assert decode(encoded(photo(512, 512), "JPEG2000", num_resolutions=2), at_least=(4, 4)).shape == (256, 256, 3)


def test_gray_is_the_gray_of_the_color_image():
    image = photo(96, 64)
    for kind, tolerance in [("PNG", 0), ("JPEG", 4)]:
        data = encoded(image, kind)
        gray = decode(data, gray=True)
        assert gray.ndim == 2
        expected = np.asarray(Image.fromarray(decode(data)).convert("L"))
        assert np.abs(gray.astype(int) - expected).max() <= tolerance
    np.testing.assert_array_equal(decode(encoded(image.convert("L")), gray=True), np.asarray(image.convert("L")))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "PPM", "WEBP"])
def test_truncated_images_are_unreadable(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(Unreadable, match=r"damaged|not an image"):
        decode(data[: len(data) // 2])


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
