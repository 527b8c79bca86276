import io

import numpy as np
import pytest
from PIL import Image

from raycluster.data.image.decode import decode
from raycluster.data.image.header import Header, read_header
from raycluster.data.unreadable import Unreadable


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def header_of(data: bytes, name: str = "") -> Header:
    return read_header(io.BytesIO(data), name)


MODES = {
    **dict.fromkeys(("PNG", "GIF", "BMP", "DIB", "TIFF", "TGA", "PCX"), ("L", "RGB", "P")),
    **dict.fromkeys(("JPEG", "PPM", "JPEG2000", "SGI", "DDS"), ("L", "RGB")),
    **dict.fromkeys(("WEBP", "AVIF", "ICO", "ICNS", "QOI"), ("RGB",)),
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_the_header_agrees_with_the_decoded_image(kind, mode):
    image = Image.effect_noise((32, 32) if kind in ("ICO", "ICNS") else (40, 24), 60).convert(mode)
    data, name = encoded(image, kind), f"x.{kind.lower()}"
    pixels = decode(data, name=name)
    assert header_of(data, name) == Header(*pixels.shape[:2], 1 if pixels.ndim == 2 else 3, 8, 1)


@pytest.mark.parametrize(
    ("dtype", "kind", "depth"), [(np.uint16, "PNG", 16), (np.int32, "TIFF", 32), (np.float32, "TIFF", 32)]
)
def test_depth_says_what_has_to_be_scaled(dtype, kind, depth):
    assert header_of(encoded(Image.fromarray(np.zeros((3, 5), dtype)), kind)) == Header(3, 5, 1, depth, 1)


def test_height_and_width_are_upright():
    exif = Image.Exif()
    exif[0x0112] = 8
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        assert header_of(encoded(Image.new("RGB", (40, 24)), kind, exif=exif)) == Header(40, 24, 3, 8, 1)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_frames_are_counted(kind):
    images = [Image.new("RGB", (16, 16), (80 * i, 0, 0)) for i in range(3)]
    assert header_of(encoded(images[0], kind, save_all=True, append_images=images[1:])).frames == 3


class Counting(io.BytesIO):
    """A file that counts the bytes that are read from it."""

    n_read = 0

    def read(self, *args):
        data = super().read(*args)
        self.n_read += len(data)
        return data


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "PPM", "TIFF", "JPEG2000", "QOI", "TGA"])
def test_only_the_header_is_read(kind):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    file = Counting(encoded(Image.fromarray(noise), kind))
    assert read_header(file, f"x.{kind.lower()}")[:3] == (300, 300, 3)
    assert file.n_read < 3000 < len(file.getvalue()) / 10


def test_a_damaged_header_is_unreadable_and_damage_after_it_goes_unnoticed():
    data = encoded(Image.new("RGB", (40, 24)))
    assert header_of(data[:80]).width == 40
    with pytest.raises(Unreadable, match="damaged"):
        header_of(data[:20])
    with pytest.raises(Unreadable, match="empty"):
        header_of(b"")
    with pytest.raises(Unreadable, match="not an image"):
        header_of(b"Dear reader, this is not a picture.")
