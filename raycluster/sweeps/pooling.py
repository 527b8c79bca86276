"""The scores that trials give each other: each trial's clusters, judged in the embeddings of all finished trials."""

from __future__ import annotations

from functools import cache

import numpy as np

from raycluster.data.vectors.vector_set import open_vectors
from raycluster.errors import UserError
from raycluster.metrics.label_free import sample_rows
from raycluster.metrics.pooled import cosine_silhouette
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import POOLED


def pool_scores(ledger: Ledger, objective: str) -> None:
    """Bring the pooled scores of all finished trials up to date, in the ledger.

    They change with every trial that finishes. The silhouettes that they are made of do not, and are kept too: each
    trial is compared once with each other.
    """
    outcomes = {number: outcome for number, outcome in ledger.outcomes().items() if outcome["state"] == "finished"}

    @cache
    def read(number: int) -> tuple[np.ndarray, np.ndarray]:
        embeddings, clusters = read_clustered_embeddings(RunDir(ledger.trial_dir(number)))
        rows = sample_rows(len(clusters))
        return embeddings[rows], clusters[rows]

    for number, outcome in outcomes.items():
        known = outcome.setdefault("silhouettes", {})
        known |= {
            str(other): cosine_silhouette(read(other)[0], read(number)[1])
            for other in outcomes
            if str(other) not in known
        }
    for number, outcome in outcomes.items():
        score = float(np.mean([outcome["silhouettes"][str(other)] for other in outcomes]))
        outcome["scores"][POOLED] = score
        if objective == POOLED:
            outcome["objective"] = score
        ledger.write_outcome(number, outcome)


def read_clustered_embeddings(run_dir: RunDir) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings float32 [n, d] and clusters int32 [n] of a finished run, both in order of id."""
    found = open_vectors(str(run_dir.path / "embeddings"))
    if found.rejected:
        raise UserError(f"{len(found.rejected)} embeddings are not finite: the training has diverged.")
    table = run_dir.read_table("assignments", ("id", "cluster"))
    clusters = table["cluster"].to_numpy()[np.argsort(table["id"].to_numpy())]
    return found.vectors[np.argsort(found.ids)], clusters
