"""The plots on the page of a run."""

from __future__ import annotations

from typing import Any

from raycluster.report.axis import axis_of
from raycluster.report.content import RunContent
from raycluster.report.plot import BLUE, RED, Dot, Line, Mark, plot


def charts_of_run(content: RunContent) -> str:
    """Return the plots of a run one after another, as markup; nothing if there is nothing to draw."""
    return "\n".join(
        f"<figure>{drawn}</figure>"
        for drawn in (k_chart(content.summary["health"]), loss_chart(content.metrics))
        if drawn
    )


def k_chart(counted: dict[str, Any]) -> str:
    """Return the score of each number of clusters, with the chosen one and the other suggestions marked.

    Parameters
    ----------
    counted : dict
        From :func:`raycluster.graph.counting.outcomes.describe`; empty if the number was given.
    """
    if not counted.get("suggestions"):
        return ""
    points = counted["scores"]
    suggested = [one["n_clusters"] for one in counted["suggestions"]]
    chosen, score_of = suggested[0], dict(points)
    numbers = [number for number, _ in points]
    colors = [RED if number == chosen else BLUE for number in suggested]
    return plot(
        f"Score by number of clusters: {chosen} is chosen",
        axis_of([*numbers, 2 * numbers[0]], "number of clusters", is_log=True),
        axis_of([score for _, score in points], "score: separation, less links cut", from_zero=True),
        lines=[Line(points)],
        dots=[Dot(k, score_of[k], color, f"{k} clusters") for k, color in zip(suggested, colors, strict=True)],
        marks=[Mark(k, str(k), color, k == chosen) for k, color in zip(suggested, colors, strict=True)],
    )


def loss_chart(metrics: list[dict[str, Any]]) -> str:
    """Return the loss by epoch, from the lines of ``metrics.jsonl``."""
    losses = [row["loss"] for row in metrics if row.get("loss") is not None]
    if len(losses) < 2:
        return ""
    jumps = "; it jumps where clusters merge" if any("period" in row for row in metrics) else ""
    return plot(
        f"Loss by epoch, from {losses[0]:.4f} to {losses[-1]:.4f}{jumps}",
        axis_of([1, len(losses)], "epoch", is_log=False),
        axis_of(losses, f"loss{jumps}", is_log=False, from_zero=True),
        lines=[Line(list(enumerate(losses, 1)))],
        size=(640, 220),
    )
