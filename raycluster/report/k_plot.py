"""A plot of how good each number of clusters is, as inline SVG."""

from __future__ import annotations

import math
from typing import Any

from raycluster.report.svg import AXIS, BLUE, line, open_svg, polyline, text

LEFT, RIGHT, TOP, BOTTOM = 64, 24, 12, 48  # margins, in pixels
LETTER, LEVEL = 7.5, 15  # width of a letter, with its share of the gap between labels, and height of a label
CHOSEN, OTHER = "#c33", BLUE


def k_plot(counted: dict[str, Any], width: int = 640, height: int = 300) -> str:
    """Return the score against the number of clusters, with the chosen number and the other suggestions marked.

    Parameters
    ----------
    counted : dict
        From :func:`raycluster.graph.counting.outcomes.describe`.
    width, height : int
        In pixels.

    Returns
    -------
    svg : str
        One <svg> element without scripts, styles or links. The K axis is logarithmic. Every suggestion is a dashed line
        with its number above; where there is no room beside a better one, it is higher up.
    """
    points: list[tuple[float, float]] = [(k, score) for k, score in counted["scores"]]
    suggested = [suggestion["n_clusters"] for suggestion in counted["suggestions"]]
    chosen, score_of = suggested[0], dict(points)
    bottom, top = min(0.0, *(score for _, score in points)), max(0.0, *(score for _, score in points))
    step = _round_step((top - bottom) / 4)
    first, last = points[0][0], max(points[-1][0], 2 * points[0][0])

    def x(k: float) -> float:
        return LEFT + (width - LEFT - RIGHT) * math.log(k / first) / math.log(last / first)

    labels = [str(k) for k in suggested]
    levels = _levels([x(k) for k in suggested], [len(label) * LETTER for label in labels])
    ceiling, floor = TOP + LEVEL * (max(levels) + 2), height - BOTTOM

    def y(score: float) -> float:
        return ceiling + (floor - ceiling) * (top - score) / ((top - bottom) or 1.0)

    ticks_k = [m * 10**e for e in range(7) for m in (1, 2, 5) if first <= m * 10**e <= last]
    ticks_score = [i * step for i in range(math.ceil(bottom / step), math.floor(top / step) + 1)]
    parts = [
        open_svg(width, height, f"Score by number of clusters: {chosen} is chosen", font_size=12),
        *(line(LEFT, y(tick), width - RIGHT, y(tick)) for tick in ticks_score),
        *(text(LEFT - 6, y(tick) + 4, f"{tick:.4g}", anchor="end") for tick in ticks_score),
        line(LEFT, floor, width - RIGHT, floor, AXIS),
        *(line(x(k), floor, x(k), floor + 4, AXIS) for k in ticks_k),
        *(text(x(k), floor + 17, str(k)) for k in ticks_k),
        text((LEFT + width - RIGHT) / 2, height - 8, "number of clusters"),
        f'<text transform="translate(14 {(ceiling + floor) / 2:.1f}) rotate(-90)" text-anchor="middle" fill="{AXIS}">'
        "score: separation, less links cut</text>",
        polyline((x(k), y(score)) for k, score in points),
    ]
    for k, label, level in zip(suggested, labels, levels, strict=True):
        color, radius = (CHOSEN, 5.0) if k == chosen else (OTHER, 3.5)
        top_of_line = ceiling - LEVEL * (level + 0.7)
        parts.append(line(x(k), top_of_line, x(k), floor, color, dashed=True))
        parts.append(f'<circle cx="{x(k):.1f}" cy="{y(score_of[k]):.1f}" r="{radius}" fill="{color}"/>')
        parts.append(text(x(k), top_of_line - 3, label, color, bold=k == chosen))
    return "\n".join([*parts, "</svg>"])


def _levels(at: list[float], widths: list[float]) -> list[int]:
    """Return the lowest level for each label at which it overlaps no earlier one."""
    levels: list[int] = []
    for i, (center, width) in enumerate(zip(at, widths, strict=True)):
        taken = {levels[j] for j in range(i) if abs(center - at[j]) < (width + widths[j]) / 2}
        levels.append(next(level for level in range(i + 1) if level not in taken))
    return levels


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, rounding ``step`` up."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999)
