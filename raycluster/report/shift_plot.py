"""A plot of how well a clustering holds up when images change: accuracy against each factor, as SVG."""

from __future__ import annotations

from typing import Any

from raycluster.report.axis import Axis, axis_of
from raycluster.report.plot import BLUE, RED, Line, panels, plot

PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 220, 170, 5
COLORS = {"frozen": BLUE, "refitted": RED}


def shift_plot(rows: list[dict[str, Any]]) -> str:
    """Return one panel per factor, with a line for frozen clusters and one for refitted clusters.

    Parameters
    ----------
    rows : list of dict
        From :func:`raycluster.metrics.shift.shift_table`.

    Returns
    -------
    svg : str
        A file without scripts, styles or links.
    """
    factors = list(dict.fromkeys(row["factor"] for row in rows))
    size = COLUMNS * PANEL_WIDTH, -(-len(factors) // COLUMNS) * PANEL_HEIGHT
    drawn = [
        _panel(factor, [row for row in rows if row["factor"] == factor], i % COLUMNS, i // COLUMNS)
        for i, factor in enumerate(factors)
    ]
    title = "Accuracy of frozen and refitted clusters on shifted images"
    return panels(title, drawn, size, list(COLORS.items()))


def _panel(factor: str, rows: list[dict[str, Any]], column: int, row: int) -> str:
    amounts = axis_of([one["amount"] for one in rows], is_log=False)
    ticks = [(amounts.place(one["amount"]), f"{one['amount']:g}{'*' * one['clean']}") for one in rows]
    return plot(
        f"Accuracy by {factor}; * are the images as they are",
        Axis("", amounts.place, ticks),
        axis_of([0, 1], factor, is_log=False),
        [Line([(one["amount"], one[name]["acc"]) for one in rows], color) for name, color in COLORS.items()],
        size=(PANEL_WIDTH, PANEL_HEIGHT),
        at=(column * PANEL_WIDTH, row * PANEL_HEIGHT),
    )
