import io

import pytest
from PIL import Image

from raycluster.data.image.open_image import MAX_PIXELS, count_frames, is_gray, open_image, orientation, upright_size
from raycluster.data.unreadable import Unreadable


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data: bytes, name: str = "", frame: int = 0):
    return open_image(io.BytesIO(data), name, frame)


def test_an_image_is_opened_but_not_decoded():
    data = encoded(Image.new("L", (20_000, 40)))
    with opened(data[:60]) as image:  # its header alone
        assert (image.format, image.size) == ("PNG", (20_000, 40))
    with pytest.raises(Unreadable, match="damaged"), opened(data[:60]) as image:
        image.load()


def test_the_content_decides_not_the_name():
    with opened(encoded(Image.new("L", (2, 2)), "GIF"), "x.png") as image:
        assert image.format == "GIF"
    with opened(encoded(Image.new("L", (2, 2)), "TGA"), "x.tga") as image:
        assert image.format == "TGA"


def test_empty_and_text_files_are_unreadable_with_the_reason():
    with pytest.raises(Unreadable, match="the file is empty"), opened(b""):
        pass
    with pytest.raises(Unreadable, match="not an image: its content is of no known format"):
        opened(b"Dear reader, this is not a picture.", "x.jpg").__enter__()


def test_formats_that_start_external_programs_are_not_tried():
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(Unreadable, match="not an image"):
        opened(data, "x.eps").__enter__()


def test_camera_raw_files_are_refused_by_name():
    with pytest.raises(Unreadable, match=r"camera raw.*export it as JPEG"):
        opened(encoded(Image.new("L", (2, 2)), "TIFF"), "x.NEF").__enter__()


def test_a_decompression_bomb_is_refused_before_it_is_decoded():
    side = int(MAX_PIXELS**0.5) + 1
    bomb = encoded(Image.new("1", (side, side)))
    assert len(bomb) < 100_000
    with pytest.raises(Unreadable, match=f"too large: {side} x {side} pixels"):
        opened(bomb).__enter__()


def test_a_bomb_that_pillow_itself_detects_has_the_same_plain_reason():
    with pytest.raises(Unreadable, match="too large"):
        opened(b"P4\n60000 60000\n").__enter__()


def test_a_header_that_is_cut_off_is_damaged():
    with pytest.raises(Unreadable, match="damaged"):
        opened(encoded(Image.new("L", (2, 2)), "BMP")[:24]).__enter__()


@pytest.mark.parametrize(
    ("kind", "frames"), [("GIF", 3), ("PNG", 3), ("WEBP", 3), ("TIFF", 3), ("AVIF", 3), ("MPO", 1)]
)
def test_frames_are_counted_but_an_image_with_previews_is_one(kind, frames):
    images = [Image.new("RGB", (16, 16), (80 * i, 0, 0)) for i in range(3)]
    data = encoded(images[0], kind, save_all=True, append_images=images[1:])
    with opened(data) as image:
        assert count_frames(image) == frames
    with opened(encoded(images[0], "JPEG")) as image:
        assert count_frames(image) == 1
    if frames == 1:
        with pytest.raises(Unreadable, match="it has no frame 1"):
            opened(data, frame=1).__enter__()


def test_an_image_is_gray_by_its_kind():
    for mode, expected in [("1", True), ("L", True), ("LA", True), ("I;16", True), ("RGB", False), ("RGBA", False)]:
        with opened(encoded(Image.new(mode, (2, 2)))) as image:
            assert is_gray(image) is expected
    with opened(encoded(Image.new("CMYK", (2, 2)), "JPEG")) as image:
        assert not is_gray(image)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "TGA", "PCX"])
def test_a_palette_is_gray_if_all_its_entries_are(kind):
    image = Image.new("P", (2, 2))
    for entry, expected in [((50, 50, 50), True), ((50, 50, 51), False)]:
        image.putpalette([0, 0, 0, *entry, *([9, 9, 9] * 254)])
        with opened(encoded(image, kind), f"x.{kind.lower()}") as opened_image:
            assert opened_image.mode == "P"
            assert is_gray(opened_image) is expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_read_from_the_header(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    with opened(encoded(Image.new("L", (8, 4)), kind, exif=exif)) as image:
        assert orientation(image, header_only=True) == 6
        assert upright_size(image, 6) == (8, 4)
    with opened(encoded(Image.new("L", (8, 4)), kind)) as image:
        assert upright_size(image, orientation(image)) == (4, 8)


def test_tiff_files_are_upright_already():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[700] = b'<rdf:Description tiff:Orientation="6"/>'
    with opened(encoded(Image.new("L", (8, 4)), "TIFF", exif=exif)) as image:
        assert (orientation(image), upright_size(image, 1)) == (1, (8, 4))
        image.load()
        assert (orientation(image), upright_size(image, 1)) == (1, (8, 4))


def test_a_damaged_or_impossible_orientation_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 9
    with opened(encoded(Image.new("L", (8, 4)), "JPEG", exif=exif)) as image:
        assert orientation(image) == 1
    with opened(encoded(Image.new("L", (8, 4)), "JPEG", exif=b"Exif\0\0MM\0*garbage")) as image:
        assert orientation(image) == 1
