"""The embeddings as TensorBoard's embedding projector reads them: vectors, what is known of each, and small images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import csv

from raycluster.data.images import ImageSet
from raycluster.runtime.files import atomic_write

MOST_ROWS = 5_000
SIDE = 32  # pixels of an image in the sprite
FOLDER = "projector"


def write_projector(
    logdir: Path, images: ImageSet, embeddings: np.ndarray, clusters: np.ndarray, confidence: np.ndarray
) -> None:
    """Write what the projector needs into the folder of TensorBoard: tensors, metadata, a sprite, and the config.

    Of more than 5,000 images, evenly spaced ones are shown.

    Parameters
    ----------
    logdir : Path
    images : ImageSet
    embeddings : ndarray of float32, shape (n, d)
    clusters : ndarray of int32, shape (n,)
    confidence : ndarray of float32, shape (n,)
    """
    from tensorboard.plugins import projector

    shown, pixels = images.take(np.linspace(0, images.n - 1, min(images.n, MOST_ROWS)).astype(np.int64))
    known: dict[str, Any] = {"path": [" ".join(images.paths[row].split()) for row in shown]}
    known |= {"cluster": clusters[shown].tolist(), "confidence": confidence[shown].round(4).tolist()}
    if images.labels is not None:
        known["label"] = images.labels[shown].tolist()
    folder = logdir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / "tensors.tsv") as partial:
        columns = pa.table(list(embeddings[shown].T), [str(i) for i in range(embeddings.shape[1])])
        csv.write_csv(columns, partial, csv.WriteOptions(include_header=False, delimiter="\t"))
    with atomic_write(folder / "metadata.tsv") as partial:
        partial.write_text(
            "".join("\t".join(map(str, line)) + "\n" for line in [known, *zip(*known.values(), strict=True)])
        )
    with atomic_write(folder / "sprite.png") as partial:
        draw_sprite(pixels).save(partial, "PNG")
    config = projector.ProjectorConfig()
    one = config.embeddings.add(tensor_name="embeddings", tensor_path=f"{FOLDER}/tensors.tsv")
    one.metadata_path, one.sprite.image_path = f"{FOLDER}/metadata.tsv", f"{FOLDER}/sprite.png"
    one.sprite.single_image_dim.extend([SIDE, SIDE])
    projector.visualize_embeddings(str(logdir), config)


def draw_sprite(images: np.ndarray) -> Image.Image:
    """Draw images, uint8 [m, C, H, W], row by row into a square of tiles of 32 x 32 pixels."""
    columns = math.ceil(math.sqrt(len(images)))
    sprite = Image.new("RGB", (columns * SIDE, columns * SIDE))
    for i, image in enumerate(images):
        picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
        scale = SIDE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX)
        place = (SIDE * (i % columns) + (SIDE - size[0]) // 2, SIDE * (i // columns) + (SIDE - size[1]) // 2)
        sprite.paste(small, place)
    return sprite
