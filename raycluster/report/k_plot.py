"""A plot of how good each number of clusters is, as inline SVG."""

from __future__ import annotations

import math

from raycluster.graph.n_clusters import NClusters
from raycluster.report.svg import AXIS, BLUE, line, open_svg, polyline, text

LEFT, RIGHT, TOP, BOTTOM = 56, 16, 24, 44  # margins, in pixels
LABEL = 22  # width of the label of an alternative, in pixels
CHOSEN, OTHER = "#c33", BLUE


def k_plot(ranking: NClusters, width: int = 600, height: int = 260) -> str:
    """Return the score against the number of clusters, with the chosen number and the alternatives marked.

    Parameters
    ----------
    ranking : NClusters
        From :func:`raycluster.graph.n_clusters.rank_n_clusters`.
    width, height : int
        In pixels.

    Returns
    -------
    svg : str
        One <svg> element without scripts, styles or links. The K axis is logarithmic and ends at four times the chosen
        number, or at twice the largest of the three best alternatives if that is more. An alternative too close to a
        better one has no label.
    """
    last = max(4 * ranking.chosen, *(2 * candidate.n_clusters for candidate in ranking.ranked[:4]))
    points = [(int(k), float(score)) for k, score in zip(ranking.tried, ranking.scores, strict=True) if k <= last]
    bottom, top = min(0.0, *(score for _, score in points)), max(0.0, *(score for _, score in points))
    step = _round_step((top - bottom) / 4)
    first, last = points[0][0], max(points[-1][0], 2 * points[0][0])

    def x(k: float) -> float:
        return LEFT + (width - LEFT - RIGHT) * math.log(k / first) / math.log(last / first)

    def y(score: float) -> float:
        return TOP + (height - TOP - BOTTOM) * (top - score) / ((top - bottom) or 1.0)

    floor = height - BOTTOM
    ticks_k = [m * 10**e for e in range(7) for m in (1, 2, 5) if first <= m * 10**e <= last]
    ticks_score = [i * step for i in range(math.ceil(bottom / step), math.floor(top / step) + 1)]
    parts = [
        open_svg(width, height, f"Score by number of clusters: {ranking.chosen} is chosen", font_size=12),
        *(line(LEFT, y(tick), width - RIGHT, y(tick)) for tick in ticks_score),
        *(text(LEFT - 6, y(tick) + 4, f"{tick:.4g}", anchor="end") for tick in ticks_score),
        line(LEFT, floor, width - RIGHT, floor, AXIS),
        *(line(x(k), floor, x(k), floor + 4, AXIS) for k in ticks_k),
        *(text(x(k), floor + 17, str(k)) for k in ticks_k),
        text((LEFT + width - RIGHT) / 2, height - 6, "number of clusters"),
        f'<text transform="translate(14 {(TOP + floor) / 2:.1f}) rotate(-90)" text-anchor="middle" fill="{AXIS}">'
        "score</text>",
        polyline((x(k), y(score)) for k, score in points),
    ]
    labels_at: list[float] = []
    for candidate in ranking.ranked:
        k, score = candidate.n_clusters, candidate.score
        if k > last:
            continue
        chosen = k == ranking.chosen
        color = CHOSEN if chosen else OTHER
        if chosen:
            parts.append(line(x(k), y(score), x(k), floor, CHOSEN, dashed=True))
        parts.append(f'<circle cx="{x(k):.1f}" cy="{y(score):.1f}" r="{5 if chosen else 3.5}" fill="{color}"/>')
        if all(abs(x(k) - other) >= LABEL for other in labels_at):
            labels_at.append(x(k))
            parts.append(text(x(k), y(score) - 9, str(k), color))
    return "\n".join([*parts, "</svg>"])


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, rounding ``step`` up."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999)
