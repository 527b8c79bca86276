"""Images per CPU second from encoded bytes to the pixels of a canvas, against what one would write with other decoders.

    pip install simplejpeg
    python benchmarks/decode.py | tee benchmarks/decode.txt

The pictures are made here: octaves of smooth noise, disks with sharp edges, and grain. Everybody brings them to 48 x 64
pixels in color: by decoding all of the image and resizing it, or at a fraction of its size where the decoder can, at
least twice as large as needed. Differences are those to decoding all of it and resizing it in our way, or in Pillow's
for the others. One thread; rounds of all take turns, and the median counts. Then the JPEG files on a GPU, if there is
one, many at a time and by the clock; last, the headers of many small ones.
"""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
import tyro
from PIL import Image, ImageDraw

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import decode
from raycluster.data.image.decode_on_device import decodes_jpegs, load_jpegs
from raycluster.data.image.device_jpeg import device_jpeg
from raycluster.data.image.fit import prepare
from raycluster.data.image.header import read_header
from raycluster.data.image.load_image import load_image

CANVAS = Canvas(3, 48, 64)
SIZE = (CANVAS.width, CANVAS.height)
GPU_PIXELS = 2**29  # of the images decoded in a round
REFERENCE = "Pillow, whole"

Reader = Callable[[bytes], np.ndarray]


@dataclass
class Options:
    """What to measure."""

    rounds: int = 7
    seconds: float = 1.0
    """Of each reader on each kind of picture in a round, about."""
    files: int = 20_000
    """Whose headers are read."""


def main(options: Options) -> None:
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, one thread, Python {platform.python_version()}, "
        f"Pillow {PIL.__version__}, torchvision {torchvision.__version__}, load of the machine {os.getloadavg()[0]:.1f}"
    )
    print(f"\n{'picture':<24}{'reader':<20}{'images/CPU s':>14}{'of the best':>13}{'mean':>8}{'max difference':>16}")
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder))
        for picture, path in pictures.items():
            data = path.read_bytes()
            measure(f"{picture}, {megabytes(data)}", data, readers(path.suffix), options)
        measure_gpu(pictures, options)
        print(f"\nread_header: {headers_per_second(Path(folder), options.files):,.0f} small JPEG files/s")


def make_pictures(folder: Path) -> dict[str, Path]:
    large = picture(3000, 4000)
    images = {
        "12 MP JPEG": (large, "large.jpg"),
        "2 MP PNG": (large.resize((1600, 1200)), "medium.png"),
        "500 px JPEG": (large.resize((500, 375)), "small.jpg"),
        "32 px JPEG": (large.resize((32, 24)), "tiny.jpg"),
    }
    for image, name in images.values():
        image.save(folder / name, quality=92)
    return {what: folder / name for what, (_, name) in images.items()}


def picture(height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(0)
    values = np.zeros((height, width, 3), np.float32)
    for cells in (4, 16, 64, 256):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        values += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) * np.float32(2 / cells**0.5)
    image = Image.fromarray((values * (255 / values.max())).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for x, y, radius, *color in rng.integers(0, (width, height, width // 20, 256, 256, 256), (60, 6)).tolist():
        draw.circle((x, y), radius, tuple(color))
    grain = rng.normal(0, 5, (height, width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def readers(suffix: str) -> dict[str, Reader]:
    found: dict[str, Reader] = {"ours": lambda data: load_image(data, CANVAS), REFERENCE: pillow_whole}
    if suffix == ".jpg":
        found |= {"Pillow, draft": pillow_draft, "torchvision": torchvision_whole}
        if importlib.util.find_spec("simplejpeg"):
            found["simplejpeg, reduced"] = simplejpeg_reduced
    return found


def pillow_whole(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return chw(np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)))


def pillow_draft(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (2 * SIZE[0], 2 * SIZE[1]))
        return chw(np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)))


def torchvision_whole(data: bytes) -> np.ndarray:
    encoded = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    pixels = torchvision.io.decode_jpeg(encoded, torchvision.io.ImageReadMode.RGB)
    shape = [CANVAS.height, CANVAS.width]
    return torchvision.transforms.functional.resize(pixels, shape, antialias=True).numpy()


def simplejpeg_reduced(data: bytes) -> np.ndarray:
    import simplejpeg

    size = simplejpeg.decode_jpeg_header(data)
    is_large = size[0] >= 2 * CANVAS.height and size[1] >= 2 * CANVAS.width
    least = {"min_height": 2 * CANVAS.height, "min_width": 2 * CANVAS.width} if is_large else {}
    pixels = simplejpeg.decode_jpeg(data, **least)
    return chw(np.asarray(Image.fromarray(pixels).resize(SIZE, Image.Resampling.BILINEAR)))


def chw(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def measure(what: str, data: bytes, readers: dict[str, Reader], options: Options) -> None:
    expected = dict.fromkeys(readers, pillow_whole(data)) | {"ours": prepare(decode(data), CANVAS)}
    began = time.process_time()
    readers[REFERENCE](data)
    times = max(1, int(options.seconds / max(time.process_time() - began, 1e-5)))
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(options.rounds):
        for name, read in readers.items():
            rates[name].append(rate(read, data, times))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, read in readers.items():
        difference = np.abs(read(data).astype(int) - expected[name])
        share = medians[name] / max(medians.values())
        row = f"{what if name == 'ours' else '':<24}{name:<20}{medians[name]:>14,.1f}{share:>13.2f}"
        print(f"{row}{difference.mean():>8.2f}{difference.max():>16}", flush=True)


def rate(read: Reader, data: bytes, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        read(data)
    return times / (time.process_time() - began)


def measure_gpu(pictures: dict[str, Path], options: Options) -> None:
    device = torch.device("cuda")
    if not (torch.cuda.is_available() and decodes_jpegs(device)):
        print("\nNo GPU that decodes JPEG files here, so nothing is measured on one.")
        return
    print(f"\non {torch.cuda.get_device_name()}{'images/s':>14}{'mean':>8}{'max difference to ours':>24}")
    for picture, path in pictures.items():
        data = path.read_bytes()
        if (jpeg := device_jpeg(data, len(data))) is None:
            continue
        jpegs = [jpeg] * max(2, min(2000, GPU_PIXELS // jpeg.n_pixels))
        rates = []
        for _ in range(options.rounds + 1):  # the first warms up
            began = time.perf_counter()
            (found, *_), reasons = load_jpegs(jpegs, CANVAS, device)
            rates.append(len(jpegs) / (time.perf_counter() - began))
            assert not reasons
        difference = np.abs(found.astype(int) - load_image(data, CANVAS))
        print(f"{picture:<24}{statistics.median(rates[1:]):>14,.1f}{difference.mean():>8.2f}{difference.max():>24}")


def headers_per_second(folder: Path, count: int) -> float:
    """Read headers of files, most of which the system still has in memory."""
    data = (folder / "tiny.jpg").read_bytes()
    paths = [str(folder / f"{i}.jpg") for i in range(count)]
    for path in paths:
        Path(path).write_bytes(data)
    began = time.perf_counter()
    for path in paths:
        with open(path, "rb") as file:
            read_header(file, path)
    return count / (time.perf_counter() - began)


def megabytes(data: bytes) -> str:
    return f"{len(data) / 1e6:.1f} MB" if len(data) >= 1e5 else f"{len(data) / 1e3:.1f} kB"


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
