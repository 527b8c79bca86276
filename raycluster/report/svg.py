"""The SVG elements that all plots are made of. Coordinates are in pixels, from the top left corner."""

from __future__ import annotations

import html
from collections.abc import Iterable

AXIS, GRID, BLUE = "#888", "#ddd", "#36c"


def open_svg(width: int, height: int, title: str, font_size: int, standalone: bool = False) -> str:
    """Return the opening tag and the title of a plot; a standalone one is its own file, others are part of a page."""
    namespace = 'xmlns="http://www.w3.org/2000/svg" ' if standalone else ""
    return (
        f'<svg {namespace}viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="{font_size}"><title>{html.escape(title)}</title>'
    )


def line(x1: float, y1: float, x2: float, y2: float, color: str = GRID, dashed: bool = False) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"{_dashes(dashed)}/>'


def polyline(points: Iterable[tuple[float, float]], color: str = BLUE, dashed: bool = False, title: str = "") -> str:
    """Return a line through points, with an optional tooltip."""
    coordinates = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    start = f'<polyline points="{coordinates}" fill="none" stroke="{color}" stroke-width="1.5"{_dashes(dashed)}'
    return f"{start}><title>{html.escape(title)}</title></polyline>" if title else f"{start}/>"


def text(x: float, y: float, content: str, color: str = AXIS, anchor: str = "middle", bold: bool = False) -> str:
    """Return a text whose start, middle or end is at x, with its baseline at y."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{weight}>{html.escape(content)}</text>'


def _dashes(dashed: bool) -> str:
    return ' stroke-dasharray="4 3"' if dashed else ""
