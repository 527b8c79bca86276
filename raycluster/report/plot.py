"""Plots of lines and dots as SVG, for pages and as files: without scripts, styles or links.

Texts and grids have the color of the text around the plot, so that it suits light and dark pages.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from raycluster.report.axis import Axis

BLUE, RED, GRAY = "#4a7fd6", "#d9573f", "#8a8f98"
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 44  # margins, in pixels
LETTER, LEVEL = 7.0, 15  # width of a letter, with its share of the gap between labels, and height of a label


class Line(NamedTuple):
    """A line through points in the units of the axes."""

    points: Sequence[tuple[object, object]]
    color: str = BLUE
    title: str = ""
    dashed: bool = False


class Dot(NamedTuple):
    """A point in the units of the axes, with a tooltip."""

    x: object
    y: object
    color: str = BLUE
    title: str = ""
    hollow: bool = False
    radius: float = 4.0


class Mark(NamedTuple):
    """A dashed line from the horizontal axis to a label above the plot."""

    x: object
    label: str
    color: str = BLUE
    bold: bool = False


class Note(NamedTuple):
    """A small text to the left of a point."""

    x: object
    y: object
    text: str


def plot(
    title: str,
    x: Axis,
    y: Axis,
    lines: Iterable[Line] = (),
    dots: Iterable[Dot] = (),
    marks: Sequence[Mark] = (),
    notes: Iterable[Note] = (),
    size: tuple[int, int] = (640, 300),
    at: tuple[int, int] = (0, 0),
) -> str:
    """Return a plot as one <svg> element.

    Parameters
    ----------
    title : str
        For those who cannot see it, and as a tooltip.
    x, y : Axis
    lines, dots, marks, notes
        What is drawn, in this order. Labels of marks do not overlap: where there is no room beside an earlier one, a
        label is higher up.
    size : (int, int)
        Width and height in pixels.
    at : (int, int)
        Where it is in another <svg>.
    """
    width, height = size
    levels = _levels([x.place(mark.x) * (width - LEFT - RIGHT) for mark in marks], [mark.label for mark in marks])
    ceiling = TOP + (LEVEL * (max(levels) + 1.5) if levels else 8)
    floor = height - (BOTTOM if x.name else BOTTOM - 16)

    def px(value: object) -> float:
        return LEFT + (width - LEFT - RIGHT) * x.place(value)

    def py(value: object) -> float:
        return _height(y.place(value))

    def _height(position: float) -> float:
        return floor - (floor - ceiling) * position

    right = width - RIGHT
    place = f' x="{at[0]}" y="{at[1]}"' if at != (0, 0) else ""
    parts = [
        f'<svg{place} viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" class="plot" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>{html.escape(title)}</title>',
        *(_stroke(LEFT, _height(tick), right, _height(tick), opacity=0.15) for tick, _ in y.ticks),
        *(_text(LEFT - 8, _height(tick) + 4, label, "end") for tick, label in y.ticks),
        _stroke(LEFT, floor, right, floor, opacity=0.4),
    ]
    for tick, label in x.ticks:
        at_x = LEFT + (right - LEFT) * tick
        parts += [_stroke(at_x, floor, at_x, floor + 4, opacity=0.4), _text(at_x, floor + 17, label)]
    parts.append(_text((LEFT + right) / 2, height - 6, x.name) if x.name else "")
    parts.append(_text(4, TOP - 2, y.name, "start") if y.name else "")
    for line in lines:
        coordinates = " ".join(f"{px(a):.1f},{py(b):.1f}" for a, b in line.points)
        drawn = f'<polyline points="{coordinates}" fill="none" stroke="{line.color}" stroke-width="1.75"'
        parts.append(f"{drawn}{_dashes(line.dashed)}>{_tooltip(line.title)}</polyline>")
    for dot in dots:
        style = f'fill="none" stroke="{dot.color}" stroke-width="1.5"' if dot.hollow else f'fill="{dot.color}"'
        circle = f'<circle cx="{px(dot.x):.1f}" cy="{py(dot.y):.1f}" r="{dot.radius:g}" {style}>'
        parts.append(f"{circle}{_tooltip(dot.title)}</circle>")
    for mark, level in zip(marks, levels, strict=True):
        top = ceiling - LEVEL * (level + 0.4)
        parts.append(_stroke(px(mark.x), top, px(mark.x), floor, mark.color, dashed=True))
        parts.append(_text(px(mark.x), top - 3, mark.label, color=mark.color, bold=mark.bold))
    parts += [_text(px(note.x) - 6, py(note.y) + 4, note.text, "end", small=True) for note in notes]
    return "".join([*parts, "</svg>"])


def panels(title: str, plots: Sequence[str], size: tuple[int, int], legend: Sequence[tuple[str, str]] = ()) -> str:
    """Return several plots, each made with its own ``at``, as one SVG file, with the colors' meanings below.

    Parameters
    ----------
    title : str
    plots : sequence of str
    size : (int, int)
        Width and height without the legend.
    legend : sequence of (str, str)
        Names and colors.
    """
    width, height = size
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 24}" width="{width}" '
        f'height="{height + 24}" role="img" color="#333" font-family="system-ui, sans-serif" font-size="12">'
        f'<title>{html.escape(title)}</title><rect width="100%" height="100%" fill="white"/>',
        *plots,
        *(_text(LEFT + 110 * i, height + 14, name, "start", color) for i, (name, color) in enumerate(legend)),
    ]
    return "\n".join([*parts, "</svg>\n"])


def _stroke(
    x1: float, y1: float, x2: float, y2: float, color: str = "currentColor", opacity: float = 1.0, dashed: bool = False
) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{color}" stroke-opacity="{opacity:g}"{_dashes(dashed)}/>'


def _text(
    x: float,
    y: float,
    content: str,
    anchor: str = "middle",
    color: str = "currentColor",
    bold: bool = False,
    small: bool = False,
) -> str:
    style = ' font-weight="bold"' * bold + ' font-size="10"' * small
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} fill="{color}"{style}>{html.escape(content)}</text>'


def _tooltip(title: str) -> str:
    return f"<title>{html.escape(title)}</title>" if title else ""


def _dashes(dashed: bool) -> str:
    return ' stroke-dasharray="4 3"' if dashed else ""


def _levels(at: list[float], labels: list[str]) -> list[int]:
    """Return the lowest level for each label at which it overlaps no earlier one."""
    levels: list[int] = []
    widths = [len(label) * LETTER for label in labels]
    for i, (center, width) in enumerate(zip(at, widths, strict=True)):
        taken = {levels[j] for j in range(i) if abs(center - at[j]) < (width + widths[j]) / 2}
        levels.append(next(level for level in range(i + 1) if level not in taken))
    return levels
