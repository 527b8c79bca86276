"""A picture of how a clustering holds when images change: accuracy against each factor, as inline SVG."""

from __future__ import annotations

from typing import Any

PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 200, 150, 5
LEFT, RIGHT, TOP, BOTTOM = 34, 10, 24, 24  # margins of a panel, in pixels
COLOURS = {"frozen": "#36c", "refitted": "#c63"}


def shift_plot(rows: list[dict[str, Any]]) -> str:
    """Return one panel a factor, with a line for frozen and one for refitted clusters.

    Parameters
    ----------
    rows : list of dict
        Of :func:`raycluster.metrics.shift.shift_table`.

    Returns
    -------
    svg : str
        One <svg> element without scripts, styles or links.
    """
    factors = list(dict.fromkeys(row["factor"] for row in rows))
    width, height = COLUMNS * PANEL_WIDTH, -(-len(factors) // COLUMNS) * PANEL_HEIGHT + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="system-ui, sans-serif" font-size="11">',
        "<title>Accuracy of frozen and refitted clusters on shifted images</title>",
    ]
    for i, factor in enumerate(factors):
        own = [row for row in rows if row["factor"] == factor]
        place = f"translate({i % COLUMNS * PANEL_WIDTH} {i // COLUMNS * PANEL_HEIGHT})"
        parts += [f'<g transform="{place}">', *_panel(factor, own), "</g>"]
    for i, (name, colour) in enumerate(COLOURS.items()):
        parts.append(f'<text x="{LEFT + 90 * i}" y="{height - 6}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"])


def _panel(factor: str, rows: list[dict[str, Any]]) -> list[str]:
    low, high = rows[0]["amount"], rows[-1]["amount"]
    floor, right = PANEL_HEIGHT - BOTTOM, PANEL_WIDTH - RIGHT

    def x(amount: float) -> float:
        return LEFT + (right - LEFT) * (amount - low) / (high - low)

    def y(accuracy: float) -> float:
        return floor - (floor - TOP) * accuracy

    parts = [f'<text x="{LEFT}" y="{TOP - 8}">{factor}</text>']
    for tick in (0, 0.5, 1):
        parts += [
            f'<line x1="{LEFT}" y1="{y(tick):.1f}" x2="{right}" y2="{y(tick):.1f}" stroke="#ddd"/>',
            f'<text x="{LEFT - 5}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#888">{tick:g}</text>',
        ]
    for row in rows:
        weight = ' font-weight="bold"' if row["clean"] else ""
        parts.append(
            f'<text x="{x(row["amount"]):.1f}" y="{floor + 14}" text-anchor="middle" fill="#888"{weight}>'
            f"{row['amount']:g}</text>"
        )
    for name, colour in COLOURS.items():
        points = " ".join(f"{x(row['amount']):.1f},{y(row[name]['acc']):.1f}" for row in rows)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return parts
