"""Signs that ConCURL is not learning or is collapsing, and what to do about them."""

from __future__ import annotations

import math
from typing import Any

from raycluster.metrics.health import Advice, warnings_for

ADVICE = Advice(
    one_cluster="the network outputs the same cluster for every image; try a higher --beta or a lower --learning-rate",
    collapsed="try a lower --learning-rate or a higher --beta",
)


def warnings_of(row: dict[str, Any]) -> list[str]:
    """Return sentences that say what is wrong in a row of metrics; an empty list if nothing is.

    Parameters
    ----------
    row : dict
        What :func:`raycluster.metrics.health.warnings_for` reads; ``consensus_loss`` and ``batch_size``.
    """
    warnings = warnings_for(row, ADVICE)
    k = round(math.exp(row["entropy_at_best"])) if "entropy_at_best" in row else 0
    if k and row.get("consensus_loss", 0) > row["entropy_at_best"] - 0.01:
        warnings.append(
            f"the consensus loss is {row['consensus_loss']:.2f}, and uniform predictions would give ln K = "
            f"{row['entropy_at_best']:.2f}: the network has not learned anything about the clusters yet; if the loss "
            "stays there, try another --learning-rate"
        )
    if k and row.get("batch_size", k) < k:
        warnings.append(
            f"batches of {row['batch_size']} images are balanced over {k} clusters: try a --batch-size of {6 * k} or "
            "more"
        )
    return warnings
