"""A plot of how well a clustering holds up when images change: accuracy against each factor, as SVG."""

from __future__ import annotations

from typing import Any

from raycluster.report.svg import BLUE, line, open_svg, polyline, text

PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 200, 150, 5
LEFT, RIGHT, TOP, BOTTOM = 34, 10, 24, 24  # margins of a panel, in pixels
COLORS = {"frozen": BLUE, "refitted": "#c63"}


def shift_plot(rows: list[dict[str, Any]]) -> str:
    """Return one panel per factor, with a line for frozen clusters and one for refitted clusters.

    Parameters
    ----------
    rows : list of dict
        From :func:`raycluster.metrics.shift.shift_table`.

    Returns
    -------
    svg : str
        One <svg> element without scripts, styles or links.
    """
    factors = list(dict.fromkeys(row["factor"] for row in rows))
    width, height = COLUMNS * PANEL_WIDTH, -(-len(factors) // COLUMNS) * PANEL_HEIGHT + 20
    title = "Accuracy of frozen and refitted clusters on shifted images"
    parts = [open_svg(width, height, title, font_size=11, standalone=True)]
    for i, factor in enumerate(factors):
        panel = _panel(factor, [row for row in rows if row["factor"] == factor])
        corner = f"translate({i % COLUMNS * PANEL_WIDTH} {i // COLUMNS * PANEL_HEIGHT})"
        parts += [f'<g transform="{corner}">', *panel, "</g>"]
    for i, (name, color) in enumerate(COLORS.items()):
        parts.append(text(LEFT + 90 * i, height - 6, name, color, "start"))
    return "\n".join([*parts, "</svg>"])


def _panel(factor: str, rows: list[dict[str, Any]]) -> list[str]:
    low, high = rows[0]["amount"], rows[-1]["amount"]
    floor, right = PANEL_HEIGHT - BOTTOM, PANEL_WIDTH - RIGHT

    def x(amount: float) -> float:
        return LEFT + (right - LEFT) * (amount - low) / (high - low)

    def y(accuracy: float) -> float:
        return floor - (floor - TOP) * accuracy

    parts = [text(LEFT, TOP - 8, factor, "black", "start")]
    for tick in (0, 0.5, 1):
        parts += [line(LEFT, y(tick), right, y(tick)), text(LEFT - 5, y(tick) + 4, f"{tick:g}", anchor="end")]
    parts += [text(x(row["amount"]), floor + 14, f"{row['amount']:g}", bold=row["clean"]) for row in rows]
    for name, color in COLORS.items():
        parts.append(polyline(((x(row["amount"]), y(row[name]["acc"])) for row in rows), color))
    return parts
