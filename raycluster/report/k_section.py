"""How the number of clusters was chosen, which others are plausible, and what each would give."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from raycluster.graph.counting.outcomes import VERY_CLEAR
from raycluster.graph.n_clusters import CLEAR
from raycluster.report.k_plot import k_plot

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse } small { color: #666 }
"""
TABLE_STYLE = """
.counted td, .counted th { text-align: left; vertical-align: top; padding: .3em 1em .3em 0; border-top: 1px solid #ddd }
.counted img { display: inline; vertical-align: middle; height: 40px; margin: 0 }
"""


def k_page(counted: dict[str, Any], names: Sequence[str]) -> str:
    """Return ``n_clusters.html``.

    Parameters
    ----------
    counted : dict
        From :func:`raycluster.graph.counting.outcomes.describe`.
    names : sequence of str, length n
        What to call each row.
    """
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Number of clusters</title><style>{STYLE}</style>"
    return f"{head}{k_section(counted, lambda row: f'<small>{html.escape(names[row])}</small>')}</html>\n"


def typical_rows(counted: dict[str, Any]) -> list[int]:
    """Return the rows that :func:`k_section` shows."""
    return [part["row"] for one in counted.get("suggestions", []) for parts in one["merges"] for part in parts]


def k_section(counted: dict[str, Any], example: Callable[[int], str]) -> str:
    """Return a section with the plot, what clearness means, and a table of the suggested numbers.

    Parameters
    ----------
    counted : dict
        From :func:`raycluster.graph.counting.outcomes.describe`; empty if the number was given.
    example : callable
        Returns the HTML that shows a row.
    """
    if not counted.get("suggestions"):
        return ""
    chosen = counted["suggestions"][0]
    rows = []
    for one in counted["suggestions"]:
        is_chosen = " (chosen)" if one is chosen else ""
        reasons = "<br>".join(html.escape(reason) for reason in one["reasons"])
        sizes = f"{one['largest']:,} / {one['median']:,} / {one['smallest']:,}"
        cells = [f"{one['n_clusters']:,}{is_chosen}", reasons, f"{one['clearness']:.2f}, {one['clear']}"]
        cells += [f"{one['links_cut']:.1%}", sizes, _merges(one, example)]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = ["clusters", "why", "clearness", "links cut", "largest / median / smallest cluster", "what merges below it"]
    return "\n".join(
        [
            f"<section><style>{TABLE_STYLE}</style><h2>Number of clusters: {chosen['n_clusters']:,} is chosen</h2>",
            k_plot(counted),
            f"<p>{_meaning(chosen)}</p>",
            f"<table class=counted><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>",
            *rows,
            "</table></section>",
        ]
    )


def _meaning(chosen: dict[str, Any]) -> str:
    return (
        f"With {chosen['n_clusters']:,} clusters, {chosen['links_cut']:.1%} of the links between neighbors run from "
        f"one cluster to another: a clearness of {chosen['clearness']:.2f}, which is {chosen['clear']}. At 1, no link "
        f"does; from {VERY_CLEAR} on, clusters are clear; below {CLEAR}, the links look much like those of a single "
        "cluster, and no number is much better founded than another. The score weighs how far the rows are separated "
        "against the links that this cuts; the red line is the number chosen, and the blue ones are the others in the "
        "table."
    )


def _merges(one: dict[str, Any], example: Callable[[int], str]) -> str:
    """Say which clusters become one if there are only as many as the next lower suggestion."""
    if not one["merges"]:
        return ""
    lines = []
    for parts, more in zip(one["merges"], one["more_parts"], strict=True):
        shown = [f"{example(part['row'])} {part['size']:,}" for part in parts]
        lines.append(" + ".join(shown + [f"{more:,} more"] * (more > 0)))
    lines += [f"and {one['more_merges']:,} more"] * (one["more_merges"] > 0)
    return f"to {one['merges_to']:,}:<br>{'<br>'.join(lines)}"
