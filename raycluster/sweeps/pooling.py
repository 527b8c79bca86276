"""The scores that trials give each other: each one's clusters in the embeddings, and beside the clusters, of all."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from raycluster.data.vectors.vector_set import open_vectors
from raycluster.errors import UserError
from raycluster.metrics.label_free import sample_rows
from raycluster.metrics.pooled import cosine_silhouette, mean_agreements, mean_ranks, pooled_silhouettes
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import AGREEMENT, POOLED, POOLED_SILHOUETTE


def pool_scores(ledger: Ledger, objective: str) -> None:
    """Bring the pooled scores of all finished trials up to date, in the ledger.

    They change with every trial that finishes. What two trials say of each other does not: it is computed once, and
    kept in the outcome as ``silhouettes`` and ``agreements``, by the number of the other trial. If there are more than
    3,000 images, the same random sample serves for all trials.

    Parameters
    ----------
    ledger : Ledger
    objective : str
        If it is pooled, it is brought up to date too.
    """
    outcomes = {number: outcome for number, outcome in ledger.outcomes().items() if outcome["state"] == "finished"}
    if not outcomes:
        return

    @cache
    def read(number: int) -> tuple[np.ndarray, np.ndarray]:
        embeddings, clusters = read_clustered_embeddings(RunDir(ledger.trial_dir(number)))
        rows = sample_rows(len(clusters))
        return embeddings[rows], clusters[rows]

    for number, outcome in outcomes.items():
        silhouettes, agreements = outcome.setdefault("silhouettes", {}), outcome.setdefault("agreements", {})
        for other in outcomes:
            if str(other) not in silhouettes:
                silhouettes[str(other)] = cosine_silhouette(read(other)[0], read(number)[1])
                agreements[str(other)] = float(adjusted_rand_score(read(other)[1], read(number)[1]))
    pooled = pooled_silhouettes(_table(outcomes, "silhouettes"))
    agreed = mean_agreements(_table(outcomes, "agreements"))
    scores = {POOLED: mean_ranks(pooled, agreed), POOLED_SILHOUETTE: pooled, AGREEMENT: agreed}
    for i, (number, outcome) in enumerate(outcomes.items()):
        outcome["scores"] |= {name: float(values[i]) for name, values in scores.items()}
        if objective in scores:
            outcome["objective"] = outcome["scores"][objective]
        ledger.write_outcome(number, outcome)


def _table(outcomes: dict[int, dict[str, Any]], name: str) -> np.ndarray:
    """Return what each trial, by row, has with each other, by column, float64 [m, m]."""
    return np.array([[outcome[name][str(other)] for other in outcomes] for outcome in outcomes.values()])


def read_clustered_embeddings(run_dir: RunDir) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings float32 [n, d] and clusters int32 [n] of a finished run, both in order of id."""
    found = open_vectors(str(run_dir.path / "embeddings"))
    if found.rejected:
        raise UserError(f"{len(found.rejected)} embeddings are not finite: the training has diverged.")
    table = run_dir.read_table("assignments", ("id", "cluster"))
    clusters = table["cluster"].to_numpy()[np.argsort(table["id"].to_numpy())]
    return found.vectors[np.argsort(found.ids)], clusters
