"""``raycluster assign``: assign new images to the clusters of a run."""

from __future__ import annotations

from raycluster.cli.command import Command, Say, Values
from raycluster.cli.flags import build
from raycluster.options import AssignOptions

ABOUT = """Assign new images to the clusters of a finished run.

Examples:
  raycluster assign --model runs/photos --data tonight/ --out tonight.parquet
  raycluster assign --model runs/photos --data tonight/ --out tonight.parquet \\
      --refuse-above inf                           leave no image out

Results: one row for each image, with its id, path, cluster, confidence, reason
  and known class. Images that resemble nothing in the run, or cannot be read,
  have cluster -1, confidence 0, and the reason."""


def run(values: Values, say: Say) -> None:
    """Assign."""
    from raycluster.results.assign import assign_images

    assign_images(build(AssignOptions, values), say)


ASSIGN = Command(
    name="assign",
    summary="Assign new images to the clusters of a run.",
    about=ABOUT,
    stopped="Stopped. The same command starts again.",
    options=AssignOptions,
    run=run,
)
