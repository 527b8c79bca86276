"""``sweep.html``: the objective against every setting, every trial as a line, and the table of trials."""

from __future__ import annotations

import math
from typing import Any

from raycluster.report.axis import axis_of, names_axis
from raycluster.report.page_data import as_json
from raycluster.report.plot import Dot, Line, Note, plot
from raycluster.report.template_files import BASICS, fill
from raycluster.runtime.files import plain

PANEL = 300, 220
GOOD, BAD = (217, 87, 63), (150, 175, 214)  # colors of the largest and the smallest objective
STEP = 130  # between the axes of two settings, in pixels


def sweep_page(
    rows: list[dict[str, Any]], objective: str, title: str, best_page: str | None = None, note: str = ""
) -> str:
    """Return the page.

    Parameters
    ----------
    rows : list of dict
        From :meth:`raycluster.sweeps.ledger.Ledger.rows`.
    objective, title : str
    best_page : str, optional
        Where the page of the best trial is, relative to this one.
    note : str
        A sentence that stands above the pictures.
    """
    shown = [row for row in rows if row["objective"] is not None and math.isfinite(row["objective"])]
    shown.sort(key=lambda row: row["objective"])  # the best are drawn last, on top of the others
    settings = list(rows[0]["settings"]) if rows else []
    counts = {state: sum(row["state"] == state for row in rows) for state in dict.fromkeys(r["state"] for r in rows)}
    summary = {
        "title": title,
        "objective": objective,
        "counts": ", ".join(f"{number} {state}" for state, number in counts.items()),
        "highest": f"{shown[-1]['objective']:.4f}" if shown else None,
        "best": best_page,
        "note": note,
        "trials": _table(shown[::-1], settings, objective) if shown else [],
    }
    charts = "".join(f"<figure>{drawn}</figure>" for drawn in _charts(shown, settings, objective)) if shown else ""
    return fill("sweep.html", title, (BASICS, "sweep.js"), sweep=as_json(plain(summary)), charts=charts)


def _charts(shown: list[dict[str, Any]], settings: list[str], objective: str) -> list[str]:
    values = [row["objective"] for row in shown]
    colors = [_color(value, values) for value in values]
    drawn = [_scatter(_column(shown, name), values, colors, name, objective, shown) for name in settings]
    drawn.append(_parallel([*(_column(shown, n) for n in settings), values], [*settings, objective], colors, shown))
    scored = [row for row in shown if row["state"] == "finished" and row["scores"].get("nmi") is not None]
    if scored and objective != "nmi":
        objectives = [row["objective"] for row in scored]
        nmi = [row["scores"]["nmi"] for row in scored]
        marked = [_color(value, values) for value in objectives]
        drawn.append(_scatter(objectives, nmi, marked, objective, "NMI with known classes", scored))
    return drawn


def _scatter(
    x: list[Any], y: list[float], colors: list[str], x_name: str, y_name: str, rows: list[dict[str, Any]]
) -> str:
    # A trial that was stopped is a ring: its objective is that of its last check.
    dots = [
        Dot(a, b, color, f"trial {row['trial']}", hollow=row["state"] != "finished")
        for a, b, color, row in zip(x, y, colors, rows, strict=True)
    ]
    return plot(f"{y_name} against {x_name}", axis_of(x, x_name), axis_of(y, y_name), dots=dots, size=PANEL)


def _parallel(columns: list[list[Any]], names: list[str], colors: list[str], rows: list[dict[str, Any]]) -> str:
    axes = [axis_of(column) for column in columns]
    heights = axis_of([0, 1], is_log=False)._replace(ticks=[])
    lines = [
        Line(
            [(name, axis.place(value)) for name, axis, value in zip(names, axes, trial, strict=True)],
            color,
            f"trial {row['trial']}",
            dashed=row["state"] != "finished",
        )
        for color, row, trial in zip(colors, rows, zip(*columns, strict=True), strict=True)
    ]
    notes = [Note(name, at, label) for name, axis in zip(names, axes, strict=True) for at, label in axis.ticks]
    title = "Every trial as a line through its settings"
    return plot(title, names_axis(names), heights, lines, notes=notes, size=(STEP * len(names) + 68, 280))


def _table(rows: list[dict[str, Any]], settings: list[str], objective: str) -> list[list[Any]]:
    """Return the trials as the rows of a table, the names of the columns first."""
    scores = [name for name in ("nmi", "acc") if any(name in row["scores"] for row in rows)]
    table: list[list[Any]] = [["trial", "state", objective, *(score.upper() for score in scores), *settings, "seconds"]]
    for row in rows:
        cells = [row["trial"], row["state"], row["objective"], *(row["scores"].get(score) for score in scores)]
        cells += [*(row["settings"][name] for name in settings), row["seconds"]]
        table.append(
            ["" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells]
        )
    return table


def _column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row["settings"][name] for row in rows]


def _color(value: float, values: list[float]) -> str:
    """Return a color by the rank of a value, so that one outlier does not make all others look alike."""
    share = sum(other < value for other in values) / max(1, len(values) - 1)
    red, green, blue = (round(b + (g - b) * share) for g, b in zip(GOOD, BAD, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"
