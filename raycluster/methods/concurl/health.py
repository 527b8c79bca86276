"""Signs that ConCURL learns nothing or collapses, and what to do about them."""

from __future__ import annotations

import math
from typing import Any

from raycluster.metrics.health import Advice, warnings_for

ADVICE = Advice(
    one_cluster="the network gives every image the same answer; try a higher --beta or a lower --learning-rate",
    collapsed="try a lower --learning-rate or a higher --beta",
)


def warnings_of(row: dict[str, Any]) -> list[str]:
    """Say in sentences what is wrong in a line of metrics; an empty list if nothing is.

    Parameters
    ----------
    row : dict
        What :func:`raycluster.metrics.health.warnings_for` reads; ``consensus_loss`` and ``batch_size``.
    """
    found = warnings_for(row, ADVICE)
    k = round(math.exp(row["entropy_at_best"])) if "entropy_at_best" in row else 0
    if k and row.get("consensus_loss", 0) > row["entropy_at_best"] - 0.01:
        found.append(
            f"the consensus loss is {row['consensus_loss']:.2f}, and that of even predictions is ln K = "
            f"{row['entropy_at_best']:.2f}: nothing is learned about the clusters yet; if it stays there, try another "
            "--learning-rate"
        )
    if k and row.get("batch_size", k) < k:
        found.append(
            f"batches of {row['batch_size']} images are balanced over {k} clusters: try a --batch-size of {6 * k} or "
            "more"
        )
    return found
