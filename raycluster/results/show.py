"""The page of a finished run: opened, given names or another cut, and written anew where it is missing."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from pathlib import Path
from typing import cast

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import resolve_source
from raycluster.errors import UserError
from raycluster.options import ShowOptions
from raycluster.report.given import clusters_at, given_to, is_page, offered_by, with_given
from raycluster.report.page import PAGE
from raycluster.results.finished_run import finished_run
from raycluster.results.names import Names, read_names
from raycluster.results.run_page import write_run_page
from raycluster.runtime.console import Console
from raycluster.runtime.files import atomic_write
from raycluster.runtime.run_dir import RunDir


def show_run(options: ShowOptions, console: Console | None = None) -> Path:
    """Open the page of a run, and return its path.

    A page is written anew if there is none, or none that can be given anything; otherwise it stays as it is, with what
    it is given.

    Parameters
    ----------
    options : ShowOptions
    console : Console, optional
        Shows progress and the path; by default on the standard output.

    Raises
    ------
    UserError
        If the run is not finished, or the names or the cut are not among its own; a sentence says why.
    """
    with console or Console() as shown:
        return _show_run(options, shown)


def _show_run(options: ShowOptions, console: Console) -> Path:
    if "://" in options.run:
        raise UserError(
            f"{public_name(options.run)} is not on this machine, and a browser opens a page from a folder: download "
            "report.html, and report/ if there is one."
        )
    run_dir = finished_run(options.run)
    page = run_dir.path / PAGE
    names = read_names(options.names) if options.names else None
    text = page.read_text(encoding="utf-8", errors="replace") if page.exists() else ""
    if not is_page(text) or options.data:
        with run_dir.lock():
            write_run_page(run_dir, console, options.data and resolve_source(options.data))
        text = page.read_text(encoding="utf-8")
    if names or options.clusters:
        given, offered = given_to(text), offered_by(text)
        if names:
            _check_offered(names.clusters, offered)
            _check(names, run_dir, clusters_at(text, names.clusters))
            given["names"], given["shown"] = json.loads(names.path.read_text(encoding="utf-8-sig")), names.clusters
        if options.clusters:
            _check_offered(options.clusters, offered)
            given["shown"] = options.clusters
        with atomic_write(page) as partial:
            partial.write_text(with_given(text, given), encoding="utf-8")
    address = page.resolve().as_uri()
    console.say(f"The page is {page}.")
    if options.browser and _has_screen():
        webbrowser.open(address)
    return page


def _check(names: Names, run_dir: RunDir, clusters: set[int]) -> None:
    """Raise :class:`UserError` unless the names are of this run, its clusters and its images."""
    names.check(run_dir.path, clusters)
    table = run_dir.read_table("assignments", ("id", "path"))
    names.is_wrong(table["id"].to_numpy(), cast("list[str]", table["path"].to_pylist()))


def _check_offered(clusters: int, offered: list[int]) -> None:
    if clusters in offered:
        return
    if len(offered) == 1:
        raise UserError(f"clusters={clusters}, but the run has {offered[0]} and no merge tree: it has no other cuts.")
    nearest = min(offered, key=lambda number: abs(number - clusters))
    raise UserError(
        f"clusters={clusters}, but the page offers {offered[0]} to {offered[-1]}, not all of the large ones: choose "
        f"{nearest}, the nearest."
    )


def _has_screen() -> bool:
    """Return whether a browser has a screen to open a window on; without one, some would take over the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
