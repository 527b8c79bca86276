"""Signs that JULE is not learning or is collapsing, and what to do about them."""

from __future__ import annotations

from typing import Any

from raycluster.graph.settings import GraphSettings
from raycluster.metrics.health import Advice, warnings_for

COLLAPSED = "try a lower --learning-rate or a larger --margin if it has collapsed, more --epochs-per-period if not"


def warnings_of(row: dict[str, Any], graph: GraphSettings) -> list[str]:
    """Return sentences that say what is wrong in a row of metrics; an empty list if nothing is.

    Parameters
    ----------
    row : dict
        What :func:`raycluster.metrics.health.warnings_for` reads, and ``batches_without_pair``, a share.
    graph : GraphSettings
        Those of the run.
    """
    warnings = warnings_for(row, Advice(graph.against_chaining, COLLAPSED))
    if row.get("batches_without_pair", 0) > 0.5:
        warnings.append(
            f"{row['batches_without_pair']:.0%} of the batches have no two images of the same cluster and teach "
            "nothing: try a larger --batch-size or --grouped-batches"
        )
    return warnings
