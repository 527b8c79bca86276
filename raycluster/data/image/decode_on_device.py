"""JPEG files decoded and brought to a canvas on a device, many at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import TURNS
from raycluster.data.image.device_jpeg import MOST_PIXELS, DeviceJpeg
from raycluster.data.image.fit import place
from raycluster.data.image.fit_on_device import fill_on_device
from raycluster.data.image.load_image import load_image
from raycluster.data.unreadable import Unreadable


def decodes_jpegs(device: torch.device) -> bool:
    """Return whether JPEG files should be decoded on this device: an NVIDIA GPU, if torchvision is built for it.

    A CPU has a better way: :func:`raycluster.data.image.load_image.load_image` decodes large images at a fraction of
    their size.
    """
    import torchvision

    return device.type == "cuda" and torchvision.version.cuda is not None and hasattr(torchvision.io, "decode_jpeg")


def load_jpegs(jpegs: Sequence[DeviceJpeg], canvas: Canvas, device: torch.device) -> tuple[np.ndarray, dict[int, str]]:
    """Decode JPEG files on a device and prepare them there, by the geometry of :mod:`raycluster.data.image.fit`.

    An image that the device's decoder refuses is decoded by :func:`raycluster.data.image.load_image.load_image`, which
    returns its pixels or the reason why it is unreadable.

    On a CPU, prepared pixels differ from those of ``load_image`` by at most one of 255 levels. Where that decodes at a
    fraction of the size, they differed by .3 to .5 levels on average in two photographs on five canvases, .64 in the
    worst image. A GPU has a decoder of its own, which interpolates colors in another way.

    Parameters
    ----------
    jpegs : sequence of DeviceJpeg
    canvas : Canvas
    device : torch.device

    Returns
    -------
    images : ndarray of uint8, shape (m, C, H, W)
        Zeros where an image is unreadable.
    reasons : dict of int to str
        Why it is unreadable, by position.
    """
    images, reasons = np.zeros((len(jpegs), *canvas.shape), np.uint8), {}
    for batch in batches([jpeg.n_pixels for jpeg in jpegs]):
        decoded = _decode_each([jpegs[i] for i in batch], canvas, device)
        prepared = {
            i: _prepare(pixels, jpegs[i].orientation, canvas)
            for i, pixels in zip(batch, decoded, strict=True)
            if pixels is not None
        }
        if prepared:
            images[list(prepared)] = torch.stack(list(prepared.values())).cpu().numpy()
        for i in set(batch) - set(prepared):
            try:
                images[i] = load_image(jpegs[i].data, canvas)
            except Unreadable as error:
                reasons[i] = str(error)
    return images, reasons


def batches(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Yield the positions of images that are decoded together: as many, of these pixels, as have 2^25 together."""
    batch: list[int] = []
    n_pixels = 0
    for i, size in enumerate(sizes):
        if batch and n_pixels + size > MOST_PIXELS:
            yield batch
            batch, n_pixels = [], 0
        batch.append(i)
        n_pixels += size
    if batch:
        yield batch


def _decode_each(jpegs: list[DeviceJpeg], canvas: Canvas, device: torch.device) -> list[torch.Tensor | None]:
    """Return the pixels of each image, uint8 [C, H, W], or None where the decoder refuses it."""
    try:
        return list(_decode(jpegs, canvas, device))
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # of one of them, with no word of which
        if len(jpegs) == 1:
            return [None]
    return [pixels for jpeg in jpegs for pixels in _decode_each([jpeg], canvas, device)]


def _decode(jpegs: list[DeviceJpeg], canvas: Canvas, device: torch.device) -> list[torch.Tensor]:
    import torchvision  # takes a while, and only this needs it

    with warnings.catch_warnings():
        # Of PyTorch, that bytes cannot be written to, and nothing here does; of torchvision, that TorchCodec will one
        # day take over.
        warnings.simplefilter("ignore")
        encoded = [torch.frombuffer(jpeg.data, dtype=torch.uint8) for jpeg in jpegs]
        if device.type == "cuda":
            # nvJPEG's hardware does not wait for what the stream has to do before, and would write into memory that
            # is still being read (pytorch/vision#9606).
            torch.cuda.current_stream(device).synchronize()
        return torchvision.io.decode_jpeg(encoded, "GRAY" if canvas.channels == 1 else "RGB", device)


def _prepare(pixels: torch.Tensor, orientation: int, canvas: Canvas) -> torch.Tensor:
    turned, down, right = TURNS[orientation]
    pixels = pixels.transpose(1, 2) if turned else pixels
    pixels = pixels.flip([axis for axis, step in ((1, down), (2, right)) if step < 0])
    return fill_on_device(pixels, place(pixels.shape[1], pixels.shape[2], canvas), canvas)
