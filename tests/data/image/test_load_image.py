import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import decode
from raycluster.data.image.fit import prepare
from raycluster.data.image.load_image import load_image
from raycluster.data.unreadable import Unreadable


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photo():
    """A picture of 1201 x 803 pixels with soft and sharp edges, textures, and noise."""
    rng = np.random.default_rng(0)
    values = np.zeros((803, 1201, 3))
    for step in (16, 64, 256):
        coarse = Image.fromarray(rng.integers(0, 256, (step * 2 // 3, step, 3), np.uint8))
        values += np.asarray(coarse.resize((1201, 803), Image.Resampling.BICUBIC)) * (8 / step) ** 0.5
    image = Image.fromarray((values / values.max() * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for x, y, size in rng.integers(10, 700, (40, 3)).tolist():
        draw.ellipse((x, y, x + size / 4, y + size / 3), tuple(rng.integers(0, 256, 3).tolist()))
    noise = rng.normal(0, 4, (803, 1201, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


CANVASES = [
    Canvas(3, 48, 64),
    Canvas(3, 64, 64),
    Canvas(3, 64, 48, "crop"),
    Canvas(1, 43, 64),
    Canvas(3, 30, 30, "crop"),
]


@pytest.mark.parametrize(
    ("kind", "size", "orientation"),
    [
        *(("JPEG", (1201, 803), orientation) for orientation in (1, 3, 6)),
        *(("JPEG", size, 1) for size in [(1024, 768), (640, 480), (333, 500)]),
        *(("JPEG2000", size, 1) for size in [(512, 384), (333, 500)]),
    ],
)
def test_a_reduced_image_is_nearly_the_whole_one_resized(photo, kind, size, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo.resize(size), kind, **({"exif": exif} if kind == "JPEG" else {}))
    whole = decode(data)
    mean, most = (2, 15) if kind == "JPEG" else (3, 30)
    for canvas in CANVASES:
        difference = np.abs(load_image(data, canvas).astype(int) - prepare(whole, canvas))
        assert 0 < difference.max() <= most
        assert difference.mean() <= mean


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_without_reduction_it_is_exactly_decoding_and_preparing(photo, kind):
    small = photo.resize((100, 80))
    for canvas in (Canvas(3, 48, 64), Canvas(3, 48, 48, "crop"), Canvas(3, 40, 50)):
        data = encoded(small, kind)
        np.testing.assert_array_equal(load_image(data, canvas), prepare(decode(data), canvas))


def test_the_range_of_the_canvas_and_the_frame_are_used():
    pages = [Image.fromarray(np.full((4, 4), value, np.uint16)) for value in (0, 4095)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    canvas = Canvas(1, 4, 4, value_range=(0, 4095))
    assert [load_image(data, canvas, frame=frame).max() for frame in (0, 1)] == [0, 255]


def test_the_name_tells_what_the_content_cannot():
    data = encoded(Image.new("L", (8, 8), 7), "TGA")
    assert (load_image(data, Canvas(1, 8, 8), "x.tga") == 7).all()
    with pytest.raises(Unreadable, match="not an image"):
        load_image(data, Canvas(1, 8, 8))


def test_a_png_that_says_its_orientation_late_is_placed_upright(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo.resize((80, 40)), exif=exif)
    start = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[start : start + 4], "big")
    end = data.index(b"IEND") - 4
    late = data[:start] + data[start + length : end] + data[start : start + length] + data[end:]
    canvas = Canvas(3, 40, 20)
    np.testing.assert_array_equal(load_image(late, canvas), load_image(data, canvas))
    np.testing.assert_array_equal(load_image(late, canvas), prepare(decode(late), canvas))
