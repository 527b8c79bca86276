"""``raycluster sweep``: find good settings of a method."""

from __future__ import annotations

from raycluster.cli.command import MethodCommand, Values, summary_of
from raycluster.cli.tyro_form import build
from raycluster.methods.base import Method
from raycluster.options import SweepOptions
from raycluster.runtime.console import Console

ABOUT = """Find good settings of a method: train with many, and see which do best.

Examples:
  raycluster sweep jule --data photos/ --clusters 20 --out sweeps/photos
  raycluster sweep jule --data digits --out sweeps/digits \\
      --space unroll_rate=0.2:0.95 learning_rate=log:1e-3:1e-1
  raycluster sweep jule --data photos/ --out sweeps/k --space clusters=5:60
  raycluster sweep dccm --data photos/ --clusters 10 --out sweeps/grid \\
      --search grid --space alpha=1,5 beta=0,0.1
  raycluster sweep concurl --data photos/ --clusters 10 --out sweeps/concurl \\
      --fixed epochs=100 --scheduler asha
  raycluster sweep jule --help                     the options of a method

Results: trials.parquet holds the settings, scores and seconds of every trial,
  best.json the best settings (for raycluster train --config), sweep.html
  pictures, and trials/ the run folders. No known classes are needed.

Again: the same command continues a sweep that was interrupted."""


def about_method(method: Method) -> str:
    """Return what the help of a method says above its flags: also what is varied by default."""
    example = f"  raycluster sweep {method.name} --data photos/ --clusters 20 --out sweeps/photos"
    varied = [f"  {word}" for word in method.search_space]
    return "\n".join([summary_of(method), "", "Example:", example, "", "Varied by default:", *varied])


def run(values: Values, console: Console) -> None:
    """Sweep."""
    from raycluster.sweeps.sweep import sweep

    sweep(build(SweepOptions, values), values["method"], values["preset"], console)


SWEEP = MethodCommand(
    name="sweep",
    summary="Find good settings of a method by training with many.",
    about=ABOUT,
    stopped="Stopped. The same command keeps the finished trials and continues the others.",
    options=SweepOptions,
    run=run,
    about_method=about_method,
    with_settings=False,
)
