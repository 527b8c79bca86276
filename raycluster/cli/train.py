"""``raycluster train``: train a clustering method on images."""

from __future__ import annotations

from raycluster.cli.command import MethodCommand, Values, summary_of
from raycluster.cli.tyro_form import build
from raycluster.methods import find_method
from raycluster.methods.base import Method
from raycluster.options import TrainOptions
from raycluster.runtime.console import Console

ABOUT = """Train a clustering method on images, and write a run folder.

Examples:
  raycluster train                                 JULE on scikit-learn's digits
  raycluster train --data photos/ --clusters 20    JULE on a folder of images
  raycluster train --data photos/ --clusters auto  let JULE choose the number
  raycluster train dccm --data photos/ --clusters 10 --preset cpu
  raycluster train concurl --data photos/ --clusters 10
  raycluster train --config sweeps/photos/best.json --data other/ --clusters 20
  raycluster train jule --help                     the options of a method

Results: the run folder holds the clusters (assignments.parquet), the
  embeddings, the model, the metrics and a page to look at (report.html), with
  JULE also the merge tree (merges.parquet).

Again: the same command continues a run that was interrupted. Flags override
  those of --config FILE, and these override the --preset."""


def about_method(method: Method) -> str:
    """Return what the help of a method says above its flags, with examples for what the method can do."""
    call = f"  raycluster train {method.name} --data photos/ --clusters"
    examples = [f"{call} 20", *([f"{call} auto"] if method.finds_k else [])]
    examples += [f"{call} 20 --preset {list(method.presets)[-1]}"] if len(method.presets) > 1 else []
    return "\n".join([summary_of(method), "", "Examples:", *examples])


def run(values: Values, console: Console) -> None:
    """Train."""
    from raycluster.api import train_with

    settings = build(find_method(values["method"]).settings, values)
    train_with(build(TrainOptions, values), values["method"], settings, console)


TRAIN = MethodCommand(
    name="train",
    summary="Train a clustering method on images: jule, dccm or concurl.",
    about=ABOUT,
    stopped="Stopped. The same command continues from the last checkpoint.",
    options=TrainOptions,
    run=run,
    about_method=about_method,
    with_settings=True,
)
