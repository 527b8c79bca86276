"""Sweeps on images of known classes, for benchmarks/objectives.py: parts of public sets, and letters in many fonts.

    pip install --no-deps --target fonts font-roboto font-source-sans-pro font-source-serif-pro font-hanken-grotesk \\
        font-caladea font-lato font-manrope font-rhd
    python benchmarks/objectives_sweeps.py sweeps --data data --fonts fonts

Every sweep goes to a folder of its own. The same command continues where it was stopped; ``--only`` names some of them.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from confidence import read
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABDEGKMNRSTZ"
SIDE = 20  # pixels, of a letter


@dataclass(frozen=True)
class Part:
    """Some images of a source, drawn once."""

    source: str
    most: int
    side: int | None = None


PARTS = {
    "digits": Part("digits", 1797),
    "usps": Part("usps.npz", 1500),
    "usps-1000": Part("usps.npz", 1000),
    "usps-240": Part("usps.npz", 240),
    "mnist-1000": Part("mnist/t10k-*", 1000, 16),
    "umist": Part("umist", 575, 28),
    "letters": Part("fonts", 1200),
    "letters-240": Part("fonts", 240),
}


@dataclass(frozen=True)
class Planned:
    """A sweep: on which part, with which method and flags."""

    part: str
    method: str
    flags: str


RATES = "--search grid --space learning_rate=0.001,0.01,0.05,0.3"
LONG = "--fixed epochs_per_period=5 rounds=1 epochs_per_round=10"
SHORT = "--fixed epochs_per_period=3 rounds=1 epochs_per_round=5"
PAPER = "--preset paper --fixed epochs_per_period=3"
DCCM = (
    "--preset cpu --trials 8 --image-size 32 --fixed epochs=4 flip=false "
    "--space learning_rate=log:1e-4:1e-2 alpha=log:0.5:10 graph_threshold=0.8:0.98 label_threshold=0.8:0.95"
)
CONCURL = (
    "--preset cpu --trials 8 --image-size 32 --fixed epochs=10 batch_size=48 flip=false "
    "--space learning_rate=log:3e-3:3e-1 tau=0.3:1 beta=0.25:2 gamma=0.25:2"
)
# Settings that ruin a run, for benchmarks/run_warnings.py alone.
RUINED = "--search grid --space learning_rate=1e-9,0.01,3,1000 rotation=0,180"
RUINED_DCCM = "--preset cpu --image-size 32 --fixed epochs=2 flip=false --search grid"
RUINED_CONCURL = "--preset cpu --image-size 32 --fixed epochs=4 batch_size=48 flip=false --search grid"
TENS = "--search grid --space clusters=4,6,8,9,10,11,12,14,17,20,25,30"

SWEEPS = {
    "digits-jule": Planned("digits", "jule", f"--clusters 10 {RATES} unroll_rate=0.3,0.6,0.9 {LONG}"),
    "usps-jule": Planned("usps", "jule", f"--clusters 10 {RATES} unroll_rate=0.3,0.6,0.9 {LONG}"),
    "mnist-paper": Planned("mnist-1000", "jule", f"--clusters 10 {RATES} unroll_rate=0.4,0.7,0.9 {PAPER}"),
    "usps-paper": Planned("usps-1000", "jule", f"--clusters 10 {RATES} unroll_rate=0.4,0.7,0.9 {PAPER}"),
    "umist-paper": Planned("umist", "jule", f"--clusters 20 {RATES} unroll_rate=0.2,0.4,0.7 {PAPER}"),
    "letters-jule": Planned("letters", "jule", f"--clusters 12 {RATES} unroll_rate=0.4,0.7,0.9 {SHORT}"),
    "usps-dccm": Planned("usps-240", "dccm", f"--clusters 10 {DCCM}"),
    "letters-dccm": Planned("letters-240", "dccm", f"--clusters 12 {DCCM}"),
    "usps-concurl": Planned("usps-240", "concurl", f"--clusters 10 {CONCURL}"),
    "letters-concurl": Planned("letters-240", "concurl", f"--clusters 12 {CONCURL}"),
    "digits-k": Planned("digits", "jule", f"{TENS} {SHORT}"),
    "usps-k": Planned("usps-1000", "jule", f"{TENS} {SHORT}"),
    "umist-k": Planned("umist", "jule", f"--search grid --space clusters=6,10,14,17,19,20,22,25,30,36,43,50 {SHORT}"),
    "letters-k": Planned("letters", "jule", f"--search grid --space clusters=5,7,9,11,12,13,15,18,22,26,32,40 {SHORT}"),
    "digits-ruined": Planned("digits", "jule", f"--clusters 10 {RUINED} {SHORT}"),
    "usps-ruined": Planned("usps-1000", "jule", f"--clusters 10 {RUINED} {SHORT}"),
    "umist-ruined": Planned("umist", "jule", f"--clusters 20 {RUINED} {SHORT}"),
    "dccm-ruined": Planned(
        "usps-240", "dccm", f"--clusters 10 {RUINED_DCCM} --space learning_rate=1e-7,1e-1 graph_threshold=0.3,0.95"
    ),
    "concurl-ruined": Planned(
        "usps-240", "concurl", f"--clusters 10 {RUINED_CONCURL} --space learning_rate=1e-7,3 beta=0,1"
    ),
}


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
        words = ["sweep", planned.method, "--data", str(images), "--out", str(folder / name), *planned.flags.split()]
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
