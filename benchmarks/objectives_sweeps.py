"""Sweeps on images of known classes, for benchmarks/objectives.py: parts of public sets, and letters in many fonts.

    pip install --no-deps --target fonts font-roboto font-source-sans-pro font-source-serif-pro font-hanken-grotesk \\
        font-caladea font-lato font-manrope font-rhd
    python benchmarks/objectives_sweeps.py sweeps --data data --fonts fonts

Every sweep goes to a folder of its own. The same command continues where it was stopped; ``--only`` names some of them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from confidence import read
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABDEGKMNRSTZ"
SIDE = 20  # pixels, of a letter
QUICK = ("epochs_per_period=5", "rounds=1", "epochs_per_round=10")


@dataclass(frozen=True)
class Part:
    """Some images of a source, drawn once."""

    source: str
    most: int
    side: int | None = None


PARTS = {
    "digits": Part("digits", 1797),
    "usps": Part("usps.npz", 1500),
    "mnist": Part("mnist/t10k-*", 1500, 16),
    "umist": Part("umist", 575, 28),
    "letters": Part("fonts", 1200),
    "cifar": Part("cifar10_jpeg/test-*", 1000, 16),
    "usps-600": Part("usps.npz", 600),
    "mnist-600": Part("mnist/t10k-*", 600, 16),
    "letters-600": Part("fonts", 600),
}

GRID = ("learning_rate=0.001,0.01,0.05,0.3", "unroll_rate=0.3,0.6,0.9")
ASSIGNED = ("learning_rate=log:1e-4:1e-2", "alpha=log:0.5:10", "graph_threshold=0.8:0.98", "label_threshold=0.8:0.95")
VIEWS = ("learning_rate=log:3e-3:3e-1", "tau=0.3:1", "beta=0.25:2", "gamma=0.25:2")


@dataclass(frozen=True)
class Planned:
    """A sweep: on which part, with which method and flags."""

    part: str
    method: str
    flags: tuple[str, ...]


def jule(part: str, clusters: int, *space: str, trials: int | None = None, fixed: Sequence[str] = QUICK) -> Planned:
    search = ("--trials", str(trials)) if trials else ("--search", "grid")
    flags = ("--clusters", str(clusters)) if clusters else ()
    return Planned(part, "jule", (*flags, *search, "--space", *space, "--fixed", *fixed))


def network(part: str, method: str, clusters: int, *space: str, fixed: Sequence[str]) -> Planned:
    flags = ("--preset", "cpu", "--clusters", str(clusters), "--trials", "12", "--image-size", "32")
    return Planned(part, method, (*flags, "--space", *space, "--fixed", *fixed))


SWEEPS = {
    "digits-jule": jule("digits", 10, *GRID),
    "usps-jule": jule("usps", 10, *GRID),
    "mnist-jule": jule("mnist", 10, *GRID),
    "umist-jule": jule("umist", 20, "learning_rate=0.001,0.01,0.05,0.3", "unroll_rate=0.2,0.4,0.7"),
    "letters-jule": jule("letters", 12, *GRID),
    "letters-dccm": network("letters-600", "dccm", 12, *ASSIGNED, fixed=("epochs=8", "flip=false")),
    "usps-concurl": network("usps-600", "concurl", 10, *VIEWS, fixed=("epochs=6", "flip=false")),
    "digits-jule-graph": jule(
        "digits", 10, "n_neighbors=6:50", "n_neighbor_clusters=2:10", "local_structure=0:2", "margin=0.05:0.5",
        "unroll_rate=0.3:0.95", trials=12,
    ),
    "usps-dccm": network("usps-600", "dccm", 10, *ASSIGNED, fixed=("epochs=6", "flip=false")),
    "letters-concurl": network("letters-600", "concurl", 12, *VIEWS, fixed=("epochs=6", "flip=false")),
    "cifar-jule": jule("cifar", 10, "learning_rate=0.001,0.01,0.1", "unroll_rate=0.3,0.6,0.9"),
}  # fmt: skip


def main(folder: tyro.conf.Positional[Path], /, data: Path, fonts: Path, only: tuple[str, ...] = ()) -> None:
    """Make the sweeps in a folder.

    Parameters
    ----------
    folder
        Where the parts and the sweeps go.
    data
        Where USPS, MNIST, UMIST and CIFAR-10 are.
    fonts
        Where fonts are, in folders below.
    only
        The names of some sweeps. Default: all.
    """
    for name in only or SWEEPS:
        planned = SWEEPS[name]
        images = write_part(folder, planned.part, data, fonts)
        words = ["sweep", planned.method, "--data", str(images), "--out", str(folder / name), *planned.flags]
        subprocess.run([sys.executable, "-m", "raycluster", *words], check=True)


def write_part(folder: Path, name: str, data: Path, fonts: Path) -> Path:
    """Return the file with the images and the classes of a part; write it first, unless it is there."""
    path, part = folder / "parts" / f"{name}.npz", PARTS[name]
    if path.exists():
        return path
    if part.source == "fonts":
        images, labels = letters(fonts)
    else:
        images, labels = read(part.source if part.source == "digits" else str(data / part.source), part.side)
    rows = np.sort(np.random.default_rng(0).permutation(len(labels))[: part.most])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=np.moveaxis(images[rows], 1, -1).squeeze(), labels=labels[rows])
    return path


def letters(fonts: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return letters, white on black and as large as fits, uint8 [n, 1, 20, 20], and which ones they are, int64 [n]."""
    files = sorted({path.stem: path for path in sorted(fonts.rglob("*.[to]tf"))}.values())
    drawn = [(letter(text, path), kind) for path in files for kind, text in enumerate(LETTERS)]
    images, labels = zip(*drawn, strict=True)
    return np.stack(images)[:, None], np.array(labels)


def letter(text: str, font: Path) -> np.ndarray:
    drawn = ImageFont.truetype(str(font), 48)
    left, top, right, bottom = drawn.getbbox(text)
    side = int(max(right - left, bottom - top)) + 6
    image = Image.new("L", (side, side))
    at = (side - right - left) / 2, (side - bottom - top) / 2
    ImageDraw.Draw(image).text(at, text, fill=255, font=drawn)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
