"""``raycluster evaluate``: find out what the features of a run know about classes."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import EvaluateOptions
from raycluster.runtime.console import Console

ABOUT = """Find out what the features of a finished run know about classes.

A classifier with one hidden layer of 200 units is trained on the frozen
  features of four fifths of the images of known class, and tested on the rest.

Examples:
  raycluster evaluate --run runs/photos                  on the run's images
  raycluster evaluate --run runs/photos --data new.npz   on other images
  raycluster evaluate --run runs/photos --shift          on changed images

Results: evaluation.json in the run folder, with --shift also shift.svg."""


def run(values: Values, console: Console) -> None:
    """Evaluate."""
    from raycluster.results.evaluate import evaluate_run

    evaluate_run(build(EvaluateOptions, values), console)


EVALUATE = Command(
    name="evaluate",
    summary="Find out what the features of a run know about classes.",
    about=ABOUT,
    stopped="Stopped. The same command starts again.",
    options=EvaluateOptions,
    run=run,
)
