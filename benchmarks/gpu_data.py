"""The images of benchmarks/gpu.py, read without Ray; None where the data folder does not have them."""

from __future__ import annotations

import gzip
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

if TYPE_CHECKING:
    from gpu import Options

FEW = 300  # images, with --tiny

LabeledImages = tuple[np.ndarray, np.ndarray]


def usps(options: Options) -> LabeledImages | None:
    """Return all 9,298 images, uint8 [n, 1, 16, 16], and their labels, int64 [n]."""
    path = options.data / "usps.npz"
    if not path.exists():
        return None
    with np.load(path) as arrays:
        return _some(options, arrays["images"][:, None], arrays["labels"])


def mnist(options: Options) -> LabeledImages | None:
    """Return all 70,000 images, uint8 [n, 1, 28, 28], and their labels, int64 [n]."""
    folder = options.data / "mnist"
    if not folder.exists():
        return None
    images = np.concatenate([_idx(folder / f"{part}-images-idx3-ubyte.gz", 16) for part in ("train", "t10k")])
    labels = np.concatenate([_idx(folder / f"{part}-labels-idx1-ubyte.gz", 8) for part in ("train", "t10k")])
    return _some(options, images.reshape(-1, 1, 28, 28), labels)


def cifar(options: Options) -> LabeledImages | None:
    """Return the 50,000 training images of CIFAR-10, from JPEG, uint8 [n, 3, 32, 32], and their labels, int64 [n]."""
    kept = options.runs / f"cifar{'-tiny' if options.tiny else ''}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return arrays["images"], arrays["labels"]
    encoded = cifar_jpegs(options)
    if encoded is None:
        return None
    with ThreadPoolExecutor(16) as pool:
        images = np.stack(list(pool.map(_decode, encoded[0]))).transpose(0, 3, 1, 2)
    np.savez(kept, images=images, labels=encoded[1])
    return np.ascontiguousarray(images), encoded[1]


def cifar_jpegs(options: Options) -> tuple[list[bytes], np.ndarray] | None:
    """Return the JPEG files of the training images, and their labels, int64 [n]."""
    paths = sorted((options.data / "cifar10_jpeg").glob("train*.parquet"))
    if not paths:
        return None
    table = pa.concat_tables([pq.read_table(path) for path in paths[: 1 if options.tiny else None]])
    table = table.slice(0, FEW) if options.tiny else table
    encoded: list[Any] = table["image"].to_pylist()
    return [image["bytes"] for image in encoded], table["label"].to_numpy().astype(np.int64)


def _some(options: Options, images: np.ndarray, labels: np.ndarray) -> LabeledImages:
    stop = FEW if options.tiny else None
    return np.ascontiguousarray(images[:stop]), labels[:stop].astype(np.int64)


def _idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def _decode(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
