"""``raycluster show``: open the page of a run."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import ShowOptions
from raycluster.runtime.console import Console

ABOUT = """Open the page of a finished run, report.html, in a browser.

Examples:
  raycluster show runs/photos
  raycluster show runs/photos --clusters 12            at another cut
  raycluster show runs/photos --names photos-names.json   with names you saved

The page is written anew if it is missing, for runs of earlier versions too."""


def run(values: Values, console: Console) -> None:
    """Show."""
    from raycluster.results.show import show_run

    show_run(build(ShowOptions, values), console)


SHOW = Command(
    name="show",
    summary="Open the page of a run, with names you saved or at another cut.",
    about=ABOUT,
    stopped="Stopped. The same command starts again.",
    options=ShowOptions,
    run=run,
    positional="run",
)
