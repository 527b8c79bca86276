import io

import numpy as np
import pytest
from PIL import Image

from raycluster.data.image.device_jpeg import MOST_PIXELS, device_jpeg

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8))


def encoded(image=NOISE, kind="JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        *(encoded(subsampling=sampling) for sampling in ("4:4:4", "4:2:2", "4:2:0")),
        *(encoded(progressive=True), encoded(NOISE.convert("L")), encoded(restart_marker_blocks=2)),
    ],
)
def test_gray_and_ycbcr_files_of_usual_forms_are_for_a_device(data):
    assert device_jpeg(data, 10**6) == (data, 24 * 40, 1)


def test_a_photograph_of_a_camera_is_for_a_device(photographs):
    assert [device_jpeg(data, 10**6).n_pixels for data in photographs] == [427 * 640] * 2


def test_its_orientation_is_known():
    assert [device_jpeg(turned(orientation), 10**6).orientation for orientation in range(1, 9)] == [*range(1, 9)]


@pytest.mark.parametrize(
    "data",
    [
        *(encoded(kind="PNG"), encoded(NOISE.convert("CMYK")), encoded(keep_rgb=True), b"", b"\xff\xd8\xff\xd9"),
        encoded(kind="MPO", save_all=True, append_images=[NOISE.rotate(90)]),
        encoded()[:-2],  # without the marker of the end
        encoded()[:300] + b"\xff\xd9",  # cut off in the header
        encoded() + b"more",
    ],
)
def test_all_else_is_for_the_cpu(data):
    assert device_jpeg(data, 10**6) is None


def test_colors_sampled_more_finely_than_brightness_are_for_the_cpu():
    data = bytearray(encoded(subsampling="4:4:4"))
    second = data.index(b"\x02\x11\x01", data.index(b"\xff\xc0"))  # number, sampling and table of a component
    data[second + 1] = 0x22
    assert device_jpeg(bytes(data), 10**6) is None


def test_large_files_and_large_images_are_for_the_cpu():
    data = encoded()
    assert device_jpeg(data, len(data))
    assert device_jpeg(data, len(data) - 1) is None
    side = int(MOST_PIXELS**0.5)
    large = encoded(Image.new("L", (side, side + 2)))
    assert device_jpeg(large, 10**8) is None


def test_a_frame_that_a_jpeg_file_does_not_have_is_for_the_cpu_to_reject():
    assert device_jpeg(encoded(), 10**6, "a.jpg", 1) is None
