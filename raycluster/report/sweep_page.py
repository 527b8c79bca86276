"""The pictures of a sweep on one page, without a server, a script or a link to anywhere.

The objective against every setting, all trials as lines through all settings, and the objective against known classes.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from raycluster.report.page import STYLE

WIDTH, HEIGHT = 260, 190  # of a panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 22, 26
AXIS, GRID = "#888", "#ddd"
GOOD, BAD = (204, 51, 51), (170, 190, 220)  # colours of the largest and the smallest objective
NONE_SHARE = 0.2  # of an axis of numbers that may be None
LOG_SPAN = 20.0  # numbers that lie further apart than by this factor have a logarithmic axis


class Axis(NamedTuple):
    """Where values lie on an axis from 0 to 1, and what is written beside it: place and text of each tick."""

    places: list[float]
    ticks: list[tuple[float, str]]


def sweep_page(rows: list[dict[str, Any]], objective: str, title: str) -> str:
    """Return the page.

    Parameters
    ----------
    rows : list of dict
        Of :meth:`raycluster.sweeps.ledger.Ledger.rows`.
    objective, title : str

    Returns
    -------
    html : str
    """
    shown = [row for row in rows if row["objective"] is not None and math.isfinite(row["objective"])]
    shown.sort(key=lambda row: row["objective"])  # the best are drawn last, above the others
    settings = list(rows[0]["settings"]) if rows else []
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>",
        f"<h1>{html.escape(title)}</h1>",
    ]
    if not shown:
        return "\n".join([*parts, "<p>No trial has come to its end yet.</p></html>\n"])
    values = [row["objective"] for row in shown]
    colours = [_colour(value, values) for value in values]
    counts = ", ".join(f"{sum(r['state'] == s for r in rows)} {s}" for s in dict.fromkeys(r["state"] for r in rows))
    parts += [
        f"<p>{counts}. Red: the largest {html.escape(objective)}, {values[-1]:.4f}.</p>",
        f"<h2>{html.escape(objective)} against each setting</h2>",
        *(_scatter(_column(shown, name), values, colours, name, objective, shown) for name in settings),
        "<h2>All settings of each trial</h2>",
        _parallel([_column(shown, name) for name in settings] + [values], [*settings, objective], colours, shown),
    ]
    known = [row for row in shown if row["state"] == "finished" and row["scores"].get("nmi") is not None]
    if known and objective != "nmi":
        found = [row["objective"] for row in known]
        nmi = [row["scores"]["nmi"] for row in known]
        ours = [_colour(value, values) for value in found]
        parts += ["<h2>Against known classes, which served for this picture only</h2>"]
        parts += [_scatter(found, nmi, ours, objective, "NMI", known)]
    return "\n".join([*parts, _table(shown[::-1], settings, objective), "</html>\n"])


def axis_of(values: Sequence[Any]) -> Axis:
    """Lay values out on an axis: numbers by size, or by their logarithm where they span far, others one by one.

    Where numbers may be left to the method, None has a place of its own, left of them all.
    """
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    nones = sum(value is None for value in values)
    if numbers and nones and len(numbers) + nones == len(values):
        axis, room = axis_of(numbers), 1 - NONE_SHARE
        at = iter(axis.places)
        places = [0.0 if value is None else NONE_SHARE + room * next(at) for value in values]
        return Axis(places, [(0.0, "None"), *((NONE_SHARE + room * place, text) for place, text in axis.ticks)])
    if len(numbers) < len(values):
        kinds = sorted({str(value) for value in values})
        middles = {kind: (i + 0.5) / len(kinds) for i, kind in enumerate(kinds)}
        return Axis([middles[str(value)] for value in values], [(middles[kind], kind) for kind in kinds])
    low, high = min(numbers), max(numbers)
    if low == high:
        return Axis([0.5] * len(values), [(0.5, f"{low:.4g}")])
    is_log = low > 0 and high / low > LOG_SPAN
    scale = math.log10 if is_log else float
    first, last = scale(low), scale(high)
    middle = 10 ** ((first + last) / 2) if is_log else (low + high) / 2
    places = [(scale(value) - first) / (last - first) for value in numbers]
    return Axis(places, [(0.0, f"{low:.3g}"), (0.5, f"{middle:.3g}"), (1.0, f"{high:.3g}")])


def _scatter(
    x: list[Any], y: list[float], colours: list[str], x_name: str, y_name: str, rows: list[dict[str, Any]]
) -> str:
    across, up = axis_of(x), axis_of(y)
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM

    def px(place: float) -> float:
        return LEFT + (right - LEFT) * place

    def py(place: float) -> float:
        return floor - (floor - TOP) * place

    parts = [_open(WIDTH, HEIGHT, f"{y_name} against {x_name}"), _text(LEFT, TOP - 8, x_name, "#222", "start")]
    for place, text in up.ticks:
        parts += [_line(LEFT, py(place), right, py(place)), _text(LEFT - 5, py(place) + 4, text, AXIS, "end")]
    parts += [_text(px(place), floor + 16, text, AXIS) for place, text in across.ticks]
    for row, a, b, colour in zip(rows, across.places, up.places, colours, strict=True):
        # A trial that was stopped is a ring: its objective is that of its last look.
        look = f'fill="{colour}"' if row["state"] == "finished" else f'fill="white" stroke="{colour}"'
        parts.append(
            f'<circle cx="{px(a):.1f}" cy="{py(b):.1f}" r="4" {look}><title>trial {row["trial"]}</title></circle>'
        )
    return "".join([*parts, "</svg>"])


def _parallel(columns: list[list[Any]], names: list[str], colours: list[str], rows: list[dict[str, Any]]) -> str:
    step, height = 130, 260
    width, floor = step * len(names), height - BOTTOM
    axes = [axis_of(column) for column in columns]

    def py(place: float) -> float:
        return floor - (floor - TOP) * place

    def px(i: int) -> float:
        return step * (i + 0.5)

    parts = [_open(width, height, "Every trial as a line through its settings")]
    for i, (axis, name) in enumerate(zip(axes, names, strict=True)):
        parts += [_line(px(i), TOP, px(i), floor), _text(px(i), TOP - 8, name, "#222")]
        parts += [_text(px(i) - 5, py(place) + 4, text, AXIS, "end") for place, text in axis.ticks]
    for number, (row, colour) in enumerate(zip(rows, colours, strict=True)):
        points = " ".join(f"{px(i):.1f},{py(axis.places[number]):.1f}" for i, axis in enumerate(axes))
        dashes = "" if row["state"] == "finished" else ' stroke-dasharray="4 3"'
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}>'
            f"<title>trial {row['trial']}</title></polyline>"
        )
    return "".join([*parts, "</svg>"])


def _table(rows: list[dict[str, Any]], settings: list[str], objective: str) -> str:
    scores = [name for name in ("nmi", "acc") if any(name in row["scores"] for row in rows)]
    names = ["trial", "state", objective, *(score.upper() for score in scores), *settings, "seconds"]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = []
    for row in rows:
        cells = [row["trial"], row["state"], row["objective"], *(row["scores"].get(score) for score in scores)]
        cells += [*(row["settings"][name] for name in settings), row["seconds"]]
        body.append("<tr>" + "".join(f"<td>{_shown(cell)}</td>" for cell in cells) + "</tr>")
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def _column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row["settings"][name] for row in rows]


def _colour(value: float, values: list[float]) -> str:
    """Return a colour by the rank of a value, so that one trial far off does not make all others alike."""
    share = sum(other < value for other in values) / max(1, len(values) - 1)
    red, green, blue = (round(b + (g - b) * share) for g, b in zip(GOOD, BAD, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def _open(width: int, height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11"><title>{html.escape(title)}</title>'
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GRID}"/>'


def _text(x: float, y: float, text: str, colour: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{html.escape(text)}</text>'
