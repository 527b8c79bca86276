"""The plots of a sweep on one page, without a server, scripts or links.

They show the objective against every setting, every trial as a line through all settings, and the objective against
known classes.
"""

from __future__ import annotations

import html
import math
from typing import Any

from raycluster.report.axis import axis_of
from raycluster.report.page import STYLE
from raycluster.report.svg import line, open_svg, polyline, text

WIDTH, HEIGHT = 260, 190  # of a panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 22, 26
GOOD, BAD = (204, 51, 51), (170, 190, 220)  # colors of the largest and the smallest objective
TITLE = "#222"


def sweep_page(rows: list[dict[str, Any]], objective: str, title: str) -> str:
    """Return the page.

    Parameters
    ----------
    rows : list of dict
        From :meth:`raycluster.sweeps.ledger.Ledger.rows`.
    objective, title : str

    Returns
    -------
    html : str
    """
    shown = [row for row in rows if row["objective"] is not None and math.isfinite(row["objective"])]
    shown.sort(key=lambda row: row["objective"])  # the best are drawn last, on top of the others
    settings = list(rows[0]["settings"]) if rows else []
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>",
        f"<h1>{html.escape(title)}</h1>",
    ]
    if not shown:
        return "\n".join([*parts, "<p>No trial has finished yet.</p></html>\n"])
    values = [row["objective"] for row in shown]
    colors = [_color(value, values) for value in values]
    counts = ", ".join(f"{sum(r['state'] == s for r in rows)} {s}" for s in dict.fromkeys(r["state"] for r in rows))
    parts += [
        f"<p>{counts}. Red marks the highest {html.escape(objective)}, {values[-1]:.4f}.</p>",
        f"<h2>{html.escape(objective)} against each setting</h2>",
        *(_scatter(_column(shown, name), values, colors, name, objective, shown) for name in settings),
        "<h2>All settings of each trial</h2>",
        _parallel([_column(shown, name) for name in settings] + [values], [*settings, objective], colors, shown),
    ]
    scored = [row for row in shown if row["state"] == "finished" and row["scores"].get("nmi") is not None]
    if scored and objective != "nmi":
        objectives = [row["objective"] for row in scored]
        nmi = [row["scores"]["nmi"] for row in scored]
        parts += ["<h2>Compared with known classes, which are used for this plot only</h2>"]
        parts += [_scatter(objectives, nmi, [_color(value, values) for value in objectives], objective, "NMI", scored)]
    return "\n".join([*parts, _table(shown[::-1], settings, objective), "</html>\n"])


def _scatter(
    x: list[Any], y: list[float], colors: list[str], x_name: str, y_name: str, rows: list[dict[str, Any]]
) -> str:
    x_axis, y_axis = axis_of(x), axis_of(y)
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM

    def px(position: float) -> float:
        return LEFT + (right - LEFT) * position

    def py(position: float) -> float:
        return floor - (floor - TOP) * position

    title = f"{y_name} against {x_name}"
    parts = [open_svg(WIDTH, HEIGHT, title, font_size=11), text(LEFT, TOP - 8, x_name, TITLE, "start")]
    for position, label in y_axis.ticks:
        parts += [line(LEFT, py(position), right, py(position))]
        parts += [text(LEFT - 5, py(position) + 4, label, anchor="end")]
    parts += [text(px(position), floor + 16, label) for position, label in x_axis.ticks]
    for row, a, b, color in zip(rows, x_axis.positions, y_axis.positions, colors, strict=True):
        # A trial that was stopped is a ring: its objective is that of its last check.
        style = f'fill="{color}"' if row["state"] == "finished" else f'fill="white" stroke="{color}"'
        parts.append(
            f'<circle cx="{px(a):.1f}" cy="{py(b):.1f}" r="4" {style}><title>trial {row["trial"]}</title></circle>'
        )
    return "".join([*parts, "</svg>"])


def _parallel(columns: list[list[Any]], names: list[str], colors: list[str], rows: list[dict[str, Any]]) -> str:
    step, height = 130, 260
    width, floor = step * len(names), height - BOTTOM
    axes = [axis_of(column) for column in columns]

    def py(position: float) -> float:
        return floor - (floor - TOP) * position

    def px(i: int) -> float:
        return step * (i + 0.5)

    parts = [open_svg(width, height, "Every trial as a line through its settings", font_size=11)]
    for i, (axis, name) in enumerate(zip(axes, names, strict=True)):
        parts += [line(px(i), TOP, px(i), floor), text(px(i), TOP - 8, name, TITLE)]
        parts += [text(px(i) - 5, py(position) + 4, label, anchor="end") for position, label in axis.ticks]
    for number, (row, color) in enumerate(zip(rows, colors, strict=True)):
        points = [(px(i), py(axis.positions[number])) for i, axis in enumerate(axes)]
        parts.append(polyline(points, color, dashed=row["state"] != "finished", title=f"trial {row['trial']}"))
    return "".join([*parts, "</svg>"])


def _table(rows: list[dict[str, Any]], settings: list[str], objective: str) -> str:
    scores = [name for name in ("nmi", "acc") if any(name in row["scores"] for row in rows)]
    names = ["trial", "state", objective, *(score.upper() for score in scores), *settings, "seconds"]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = []
    for row in rows:
        cells = [row["trial"], row["state"], row["objective"], *(row["scores"].get(score) for score in scores)]
        cells += [*(row["settings"][name] for name in settings), row["seconds"]]
        body.append("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in cells) + "</tr>")
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def _column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row["settings"][name] for row in rows]


def _color(value: float, values: list[float]) -> str:
    """Return a color by the rank of a value, so that one outlier does not make all others look alike."""
    share = sum(other < value for other in values) / max(1, len(values) - 1)
    red, green, blue = (round(b + (g - b) * share) for g, b in zip(GOOD, BAD, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))
