"""Signs that DCCM is not learning or is collapsing, and what to do about them."""

from __future__ import annotations

import math
from typing import Any

from raycluster.metrics.health import Advice, warnings_for

ADVICE = Advice(
    one_cluster="the network outputs the same cluster for every image; try a lower --learning-rate or a higher "
    "--graph-threshold",
    collapsed="try a lower --learning-rate or a higher --beta",
)


def warnings_of(row: dict[str, Any]) -> list[str]:
    """Return sentences that say what is wrong in a row of metrics; an empty list if nothing is.

    Parameters
    ----------
    row : dict
        What :func:`raycluster.metrics.health.warnings_for` reads; ``link_density`` and ``without_unlinked``, shares of
        the pairs and of the images in the pseudo-graph.
    """
    warnings = warnings_for(row, ADVICE)
    k = round(math.exp(row["entropy_at_best"])) if "entropy_at_best" in row else 0
    if k and row.get("link_density", 0) > max(0.5, 4 / k):
        warnings.append(
            f"{row['link_density']:.0%} of all pairs are linked, but {k} equal clusters would link only 1/{k}: the "
            "pseudo-graph has collapsed; try a higher --graph-threshold or a lower --learning-rate"
        )
    if row.get("without_unlinked", 0) > 0.01:
        warnings.append(
            f"{row['without_unlinked']:.0%} of the images are linked to all others in their small batch and have "
            "nothing to contrast with: try a larger --small-batch or a higher --graph-threshold"
        )
    return warnings
