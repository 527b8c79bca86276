"""``raycluster assign``: assign new images or vectors to the clusters of a run."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import AssignOptions
from raycluster.runtime.console import Console

ABOUT = """Assign new images, or vectors, to the clusters of a finished run.

Examples:
  raycluster assign --model runs/photos --data tonight/ --out tonight.parquet
  raycluster assign --model runs/photos --data tonight/ --out tonight.parquet \\
      --refuse-above inf                           leave no image out
  raycluster assign --model c20 --data new.npy --out new.parquet        vectors

Results: one row for each image or vector, with its id, path, cluster,
  confidence, reason and known class. Those that resemble nothing in the run, or
  cannot be read, have cluster -1, confidence 0, and the reason."""


def run(values: Values, console: Console) -> None:
    """Assign."""
    from raycluster.results.assign import assign

    assign(build(AssignOptions, values), console)


ASSIGN = Command(
    name="assign",
    summary="Assign new images to the clusters of a run.",
    about=ABOUT,
    stopped="Stopped. The same command starts again.",
    options=AssignOptions,
    run=run,
)
