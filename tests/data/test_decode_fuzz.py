"""Damaged files of every format: an image or a reason, never another exception, and never a hang."""

import io
import random
import time

import numpy as np
import pytest
from PIL import Image

from raycluster.data.canvas import Canvas
from raycluster.data.image.formats import reads_heif
from raycluster.data.image.header import read_header
from raycluster.data.image.load_image import load_image
from raycluster.data.image.value_range import raw_extremes
from raycluster.data.unreadable import Unreadable

KINDS = ["PNG", "JPEG", "PPM", "GIF", "BMP", "DIB", "WEBP", "TIFF", "AVIF", "JPEG2000", "TGA", "ICO", "ICNS", "PCX"]
KINDS += ["SGI", "DDS", "QOI", "XBM", "MPO", "HEIF"]
SLOW = ("AVIF", "HEIF", "ICNS")  # to write
SECONDS = 10


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Small files by name: in gray and color, of 8 and 16 bits, of one frame and several, plain and compressed."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    color = Image.fromarray(noise)
    images = {"rgb": color, "gray": color.convert("L"), "palette": color.quantize(16), "rgba": color.convert("RGBA")}
    images |= {"bits": color.convert("1"), "wide": Image.fromarray(noise[..., 0].astype(np.uint16) * 200)}
    images |= {"float": Image.fromarray(noise[..., 0].astype(np.float32) / 255), "cmyk": color.convert("CMYK")}
    found = {}
    for kind in KINDS if reads_heif() else KINDS[:-1]:
        for mode, image in images.items() if kind not in SLOW else [("rgb", color)]:
            for frames in (1, 2) if kind in ("GIF", "PNG", "TIFF", "WEBP", "AVIF", "MPO") else (1,):
                options = {"save_all": True, "append_images": [image.rotate(90)]} if frames == 2 else {}
                if kind == "TIFF" and mode in ("rgb", "wide"):
                    options["compression"] = "tiff_lzw"
                buffer = io.BytesIO()
                try:
                    image.save(buffer, kind, **options)
                except (OSError, ValueError, KeyError):  # Pillow cannot write this mode in this format
                    continue
                found[f"{mode}-{frames}.{kind.lower()}"] = buffer.getvalue()
    return found


def damage(data: bytes, rng: random.Random) -> bytes:
    """Flip some bytes, mostly near the beginning, or cut the end off."""
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data))]
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 2, 4, 16, 64])):
        damaged[rng.randrange(min(len(data), rng.choice([40, 400, 10**6])))] = rng.randrange(256)
    return bytes(damaged)


def reason_of(read) -> str | None:
    """Return why an image is unreadable, or None if it is not; anything else ends the test."""
    try:
        read()
    except Unreadable as reason:
        return str(reason)
    return None


def reasons_of(name: str, data: bytes) -> list[str | None]:
    """Read a file in every way."""
    canvas = Canvas(3, 8, 8, value_range=(0, 1000))
    return [
        reason_of(lambda: load_image(data, canvas, name)),
        reason_of(lambda: load_image(data, canvas, name, frame=1)),
        reason_of(lambda: read_header(io.BytesIO(data), name)),
        reason_of(lambda: raw_extremes(data, name)),
    ]


def fuzz(files: dict[str, bytes], count: int, seed: int) -> tuple[int, float]:
    """Return how many of so many damaged files could still be read, and the most CPU seconds that one took."""
    rng = random.Random(seed)
    slowest, n_readable = 0.0, 0
    for _ in range(count):
        name = rng.choice(sorted(files))
        began = time.thread_time()
        reasons = reasons_of(name, damage(files[name], rng))
        slowest = max(slowest, time.thread_time() - began)
        assert "" not in reasons
        n_readable += reasons[0] is None
    return n_readable, slowest


def test_undamaged_files_of_all_formats_are_read(files):
    assert {name.split(".")[1].upper() for name in files} >= set(KINDS) - {"HEIF"}
    for name, data in files.items():
        whole, second, *others = reasons_of(name, data)
        assert [whole, *others] == [None] * 3, name
        if name.startswith("rgb"):
            assert (second is None) == ("-2" in name and "mpo" not in name), name


def test_damaged_files_are_images_or_unreadable(files):
    n_readable, _ = fuzz(files, 200, seed=0)
    assert 10 < n_readable < 190


@pytest.mark.slow
def test_many_damaged_files_are_images_or_unreadable_before_long(files):
    n_readable, slowest = fuzz(files, 5000, seed=1)
    assert 250 < n_readable < 4750
    assert slowest < SECONDS
