"""A plot of how good each number of clusters is, as inline SVG."""

from __future__ import annotations

import math

from raycluster.graph.n_clusters import NClusters

LEFT, RIGHT, TOP, BOTTOM = 56, 16, 24, 44  # margins, in pixels
LABEL = 22  # pixels that the name of an alternative takes
CHOSEN, OTHER, AXIS = "#c33", "#36c", "#888"


def k_plot(answer: NClusters, width: int = 600, height: int = 260) -> str:
    """Return the score against the number of clusters, with the chosen number and the alternatives marked.

    Parameters
    ----------
    answer : NClusters
        Of :func:`raycluster.graph.n_clusters.rank_n_clusters`.
    width, height : int
        In pixels.

    Returns
    -------
    svg : str
        One <svg> element without scripts, styles or links. The axis of K is logarithmic and ends at four times the
        chosen number, or twice the largest of the best three alternatives. An alternative too near to a better one
        has no label.
    """
    last = max(4 * answer.chosen, *(2 * candidate.n_clusters for candidate in answer.ranked[:4]))
    points = [(int(k), float(score)) for k, score in zip(answer.tried, answer.scores, strict=True) if k <= last]
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
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>Score against the number of clusters: {answer.chosen} is chosen</title>",
        *(_line(LEFT, y(tick), width - RIGHT, y(tick), "#ddd") for tick in ticks_score),
        *(_text(LEFT - 6, y(tick) + 4, f"{tick:.4g}", AXIS, "end") for tick in ticks_score),
        _line(LEFT, floor, width - RIGHT, floor, AXIS),
        *(_line(x(k), floor, x(k), floor + 4, AXIS) for k in ticks_k),
        *(_text(x(k), floor + 17, str(k), AXIS) for k in ticks_k),
        _text((LEFT + width - RIGHT) / 2, height - 6, "number of clusters", AXIS),
        f'<text transform="translate(14 {(TOP + floor) / 2:.1f}) rotate(-90)" text-anchor="middle" fill="{AXIS}">'
        "score</text>",
        f'<polyline points="{" ".join(f"{x(k):.1f},{y(score):.1f}" for k, score in points)}" '
        f'fill="none" stroke="{OTHER}" stroke-width="1.5"/>',
    ]
    labelled: list[float] = []
    for candidate in answer.ranked:
        k, score = candidate.n_clusters, candidate.score
        if k > last:
            continue
        chosen = k == answer.chosen
        colour = CHOSEN if chosen else OTHER
        if chosen:
            parts.append(_line(x(k), y(score), x(k), floor, CHOSEN, dashed=True))
        parts.append(f'<circle cx="{x(k):.1f}" cy="{y(score):.1f}" r="{5 if chosen else 3.5}" fill="{colour}"/>')
        if all(abs(x(k) - other) >= LABEL for other in labelled):
            labelled.append(x(k))
            parts.append(_text(x(k), y(score) - 9, str(k), colour))
    return "\n".join([*parts, "</svg>"])


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below ``step``."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'


def _text(x: float, y: float, text: str, colour: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
