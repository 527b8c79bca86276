import io

import numpy as np
import pytest
import torch
from PIL import Image

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode_on_device import batches, decodes_jpegs, load_jpegs
from raycluster.data.image.device_jpeg import MOST_PIXELS, DeviceJpeg, device_jpeg
from raycluster.data.image.load_image import load_image
from raycluster.data.unreadable import Unreadable

CPU = torch.device("cpu")
MEAN_LEVELS = 1.0  # of 256, of each image
CANVASES = [
    *(Canvas(3, 224, 224, "crop"), Canvas(3, 224, 224, "pad"), Canvas(3, 64, 64, "crop"), Canvas(3, 48, 64)),
    *(Canvas(1, 96, 96, "crop"), Canvas(1, 32, 32), Canvas(3, 427, 640), Canvas(3, 500, 700, "pad")),
]


def for_device(data: bytes) -> DeviceJpeg:
    jpeg = device_jpeg(data, 10**9)
    assert jpeg is not None
    return jpeg


def encoded(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def small(photographs):
    """A photograph of 107 x 160 pixels."""
    return Image.open(io.BytesIO(photographs[0])).resize((160, 107))


@pytest.mark.parametrize("canvas", CANVASES)
def test_photographs_are_nearly_what_the_cpu_makes_of_them(photographs, canvas):
    images, reasons = load_jpegs([for_device(data) for data in photographs], canvas, CPU)
    assert (images.shape, images.dtype, reasons) == ((2, *canvas.shape), np.uint8, {})
    for image, data in zip(images, photographs, strict=True):
        assert np.abs(image.astype(int) - load_image(data, canvas)).mean() <= MEAN_LEVELS


@pytest.mark.parametrize(
    "canvas", [Canvas(3, 107, 160), Canvas(3, 64, 64, "crop"), Canvas(3, 64, 64), Canvas(1, 80, 99)]
)
@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"progressive": True}])
def test_where_the_cpu_decodes_all_of_an_image_no_pixel_differs_by_more_than_a_level(small, canvas, options):
    for image in (small, small.convert("L")):
        data = encoded(image, **options)
        (found,), _ = load_jpegs([for_device(data)], canvas, CPU)
        assert np.abs(found.astype(int) - load_image(data, canvas)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(small, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(small, exif=exif)
    for canvas in (Canvas(3, 64, 48, "crop"), Canvas(3, 50, 50)):
        (found,), _ = load_jpegs([for_device(data)], canvas, CPU)
        assert np.abs(found.astype(int) - load_image(data, canvas)).max() <= 1


def test_damaged_files_get_the_pixels_or_the_reason_that_the_cpu_gives_them(small, capfd):
    rng = np.random.default_rng(0)
    canvas = Canvas(3, 32, 32, "crop")
    jpegs = []
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 4}):
        whole = encoded(small, **options)
        for i in range(60):
            data = bytearray(whole if i % 3 else whole[: rng.integers(700, len(whole))] + b"\xff\xd9")
            for place in rng.integers(2, 700 if i % 3 == 1 else len(data) - 2, 3 * bool(i % 3)):
                data[place] = rng.integers(256)
            if jpeg := device_jpeg(bytes(data), 10**9):
                jpegs.append(jpeg)
    expected, wanted = np.zeros((len(jpegs), *canvas.shape)), {}
    for i, jpeg in enumerate(jpegs):
        try:
            expected[i] = load_image(jpeg.data, canvas)
        except Unreadable as error:
            wanted[i] = str(error)
    images, reasons = load_jpegs(jpegs, canvas, CPU)
    assert reasons == wanted
    assert 20 < len(reasons) < len(jpegs) - 20
    assert np.abs(images - expected).mean(axis=(1, 2, 3)).max() <= 2 * MEAN_LEVELS
    capfd.readouterr()  # libjpeg says what it meets


def test_a_file_that_is_refused_leaves_the_others_to_the_device(photographs, capfd):
    canvas = Canvas(3, 64, 64, "crop")
    good = for_device(photographs[0])
    scan = good.data.rindex(b"\xff\xda")
    bad = for_device(good.data[:scan] + b"\xff\xda\x00\x03" + good.data[scan + 4 :])
    images, reasons = load_jpegs([good, bad, good], canvas, CPU)
    assert list(reasons) == [1]
    alone = load_jpegs([good], canvas, CPU)[0][0]
    assert (alone != load_image(good.data, canvas)).any()
    np.testing.assert_array_equal(images, [alone, np.zeros(canvas.shape), alone])
    capfd.readouterr()


def test_pixels_bound_what_is_decoded_together():
    half = MOST_PIXELS // 2
    assert list(batches([half, half, 1, half, 2 * half, 5])) == [[0, 1], [2, 3], [4], [5]]
    assert list(batches([])) == []


def test_batches_make_no_difference(photographs):
    canvas = Canvas(3, 8, 8)
    jpegs = [for_device(data) for data in photographs]
    large = [jpeg._replace(n_pixels=MOST_PIXELS) for jpeg in jpegs]
    np.testing.assert_array_equal(load_jpegs(large, canvas, CPU)[0], load_jpegs(jpegs, canvas, CPU)[0])
    assert load_jpegs([], canvas, CPU)[0].shape == (0, 3, 8, 8)


def test_only_gpus_should_decode():
    assert not decodes_jpegs(CPU)
    assert not decodes_jpegs(torch.device("mps"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_decodes_alike_each_time_and_nearly_as_the_cpu(photographs):
    gpu = torch.device("cuda")
    assert decodes_jpegs(gpu)
    jpegs = [for_device(data) for data in photographs]
    for canvas in CANVASES:
        images, reasons = load_jpegs(jpegs, canvas, gpu)
        assert reasons == {}
        np.testing.assert_array_equal(load_jpegs(jpegs[::-1], canvas, gpu)[0][::-1], images)
        for image, data in zip(images, photographs, strict=True):
            assert np.abs(image.astype(int) - load_image(data, canvas)).mean() <= 3 * MEAN_LEVELS
