"""Whether training helped in the trials of a sweep, and how they rank if it helped in none."""

from __future__ import annotations

from typing import Any

import numpy as np

from raycluster.metrics.effect import CLEAR_START
from raycluster.metrics.pooled import mean_ranks
from raycluster.runtime.summary import RunSummary
from raycluster.sweeps.search_space import CLUSTERS

START = "pixels"  # the clustering that trials start from


def verdict_of(summary: RunSummary) -> dict[str, Any]:
    """Return what a finished trial says of its training.

    Parameters
    ----------
    summary : RunSummary

    Returns
    -------
    dict
        ``helped``, None if the trial does not say; and ``predictability``, how well the clusters that it reports can
        be predicted from the pixels, None where the pixels show no clear clusters and so are no judge.
    """
    effect = summary.health.get("training")
    if effect is None:
        return {"helped": None, "predictability": None}
    when = "before" if summary.reported == START else "after"
    is_clear = effect["predictability_before"] >= CLEAR_START
    return {"helped": effect["helped"], "predictability": effect[f"predictability_{when}"] if is_clear else None}


def ranks_by_pixels(trials: list[dict[str, Any]]) -> np.ndarray | None:
    """Return the rank of each finished trial by how well its clusters can be predicted from the pixels, as a share.

    Networks that have all learned too little cannot judge each other, and clusters that can be seen in the pixels are
    the better ones then.

    Parameters
    ----------
    trials : list of dict
        ``settings``, ``helped`` and ``predictability`` of each.

    Returns
    -------
    ndarray of float64, shape (m,), or None
        None if training helped in one of the trials, or if the pixels are no judge, or if the number of clusters is
        varied: the fewer, the more easily they are predicted.
    """
    if not trials or CLUSTERS in trials[0]["settings"] or not no_training_helped(trials):
        return None
    seen = [trial["predictability"] for trial in trials]
    return None if None in seen else mean_ranks(np.array(seen))


def no_training_helped(trials: list[dict[str, Any]]) -> bool:
    """Return whether each of some finished trials says that its training did not help."""
    return bool(trials) and all(trial["helped"] is False for trial in trials)
