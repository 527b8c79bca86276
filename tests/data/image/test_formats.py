import io
import sys

import pytest
from PIL import Image

from raycluster.data.image import formats
from raycluster.data.image.decode import decode
from raycluster.data.image.formats import HEAD_BYTES, IMAGE_SUFFIXES, format_of, reads_heif, sniff, unsupported_reason
from raycluster.data.unreadable import Unreadable

HEIC_HEAD = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


BY_CONTENT = ["PNG", "JPEG", "PPM", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "ICO", "ICNS", "PCX", "SGI"]


@pytest.mark.parametrize("kind", [*BY_CONTENT, "DDS", "QOI"])
def test_a_format_is_recognized_by_its_first_bytes(kind):
    data = encoded(Image.new("RGB", (32, 32)), kind)
    assert sniff(data[:32]) == sniff(data[:HEAD_BYTES]) == format_of("", data) == format_of("x.tga", data) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"II+\0\x08\0\0\0", "TIFF"),
        (b"8BPS\0\1", "PSD"),
        (b"\x59\xa6\x6a\x95\0\0\0\1", "SUN"),
        (b"/* XPM */\nstatic char", "XPM"),
        (b"\0\0\2\0\1\0", "CUR"),
        (b"Pf\n3 4\n-1\n", "PPM"),
        (b"\xff\x4f\xff\x51\0", "JPEG2000"),
        (HEIC_HEAD, "HEIF"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x20ftypisom\0\0\0\x01isomiso2avc1mp41", None),  # video
        (b"%PDF-1.7", None),
        (b"<svg xmlns=", None),
        (b"BMWs are cars, this is a sentence.", None),
        (b"P1ease read this", None),
        (b"#define WIDTH 3\n", None),
        (b"\0\0\2\0\0\0\0\0\0\0\0\0", None),  # a TGA file
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_beginnings(head, kind):
    assert sniff(head) == kind


@pytest.mark.parametrize("kind", ["TGA", "DIB", "XBM"])
def test_formats_without_a_beginning_of_their_own_are_recognized_by_name(kind):
    data = encoded(Image.new("1" if kind == "XBM" else "RGB", (8, 8)), kind)
    assert format_of(f"Folder.png/X.{kind}", data) == kind
    assert format_of("x", data) is None
    assert decode(data, name=f"x.{kind}").shape[:2] == (8, 8)


def test_suffixes_have_all_formats_that_people_keep_pictures_in():
    common = ".png .jpg .jpeg .jpe .jfif .mpo .gif .bmp .tif .tiff .webp .avif .heic .jp2 .tga .ico .psd .pgm .pnm"
    assert set(common.split()) <= set(IMAGE_SUFFIXES)
    assert not {".eps", ".pdf", ".svg", ".mp4", ".nef", ".txt"} & set(IMAGE_SUFFIXES)
    assert len(set(IMAGE_SUFFIXES)) == len(IMAGE_SUFFIXES)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a/IMG_1.CR2", b"II*\0\x10\0\0\0CR\2\0"),
        ("IMG_1", b"II*\0\x10\0\0\0CR\2\0"),
        ("x.dng", b"MM\0*\0\0\0\x08"),
        ("x.Nef", b"II*\0\x08\0\0\0"),
        ("x.x3f", b""),
        ("x.jpg", b"FUJIFILMCCD-RAW 0201"),
        ("x", b"\0\0\0\x18ftypcrx \0\0\0\1"),
    ],
)
def test_camera_raw_is_not_read_and_the_reason_says_what_to_do(name, head):
    assert unsupported_reason(name, head) == "camera raw files are not read: export it as JPEG, PNG or TIFF"


def test_pictures_that_are_only_called_camera_raw_are_read():
    assert unsupported_reason("x.raw", encoded(Image.new("L", (2, 2)), "PNG")) is None
    assert unsupported_reason("x.jpg", encoded(Image.new("L", (2, 2)), "JPEG")) is None
    assert unsupported_reason("x.tif", b"II*\0\x08\0\0\0") is None


def test_heic_is_read_where_its_package_is_installed():
    pytest.importorskip("pillow_heif")
    assert reads_heif()
    red = encoded(Image.new("RGB", (24, 16), (200, 0, 0)), "HEIF")
    pixels = decode(red, name="renamed.jpg")
    assert pixels.shape == (16, 24, 3)
    assert abs(pixels.astype(int) - [200, 0, 0]).max() < 8


def test_without_its_package_the_reason_says_how_to_read_heic(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    reads_heif.cache_clear()
    try:
        assert unsupported_reason("x.jpg", HEIC_HEAD).startswith("HEIC and HEIF need the package pillow-heif")
        with pytest.raises(Unreadable, match=r"run pip install pillow-heif"):
            decode(HEIC_HEAD)
    finally:
        reads_heif.cache_clear()
    assert unsupported_reason("x.heic", b"") is None


def test_every_format_is_one_that_pillow_reads():
    reads_heif()
    Image.init()
    assert set(formats.SUFFIXES) - {"HEIF"} <= set(Image.OPEN)
