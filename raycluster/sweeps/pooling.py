"""The scores that trials give each other: each one's clusters in the embeddings, and beside the clusters, of all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_rand_score

from raycluster.data.vectors.vector_set import open_vectors
from raycluster.errors import UserError
from raycluster.metrics.label_free import sample_rows
from raycluster.metrics.pooled import cosine_silhouette, mean_agreements, mean_ranks, pooled_silhouettes
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import AGREEMENT, POOLED, POOLED_SILHOUETTE
from raycluster.sweeps.sample import Sample, load_sample, sample_path, save_sample
from raycluster.sweeps.verdict import ranks_by_pixels, verdict_of


class Opinion(NamedTuple):
    """What a trial says of clusters: their silhouette in its embedding, and their adjusted Rand index with its own."""

    silhouette: float
    agreement: float


def opinion_of(judged: Sample, by: Sample) -> Opinion:
    """Return what a trial says of the clusters of another, or of its own."""
    silhouette = cosine_silhouette(by.embeddings, judged.clusters)
    return Opinion(silhouette, float(adjusted_rand_score(by.clusters, judged.clusters)))


def pooled_scores(silhouettes: np.ndarray, agreements: np.ndarray) -> dict[str, np.ndarray]:
    """Return the pooled scores of all trials, each float64 [m], by name.

    Parameters
    ----------
    silhouettes, agreements : ndarray of float64, shape (m, m)
        The opinions of trials, by column, of the clusters of trials, by row.
    """
    pooled, agreed = pooled_silhouettes(silhouettes), mean_agreements(agreements)
    return {POOLED: mean_ranks(pooled, agreed), POOLED_SILHOUETTE: pooled, AGREEMENT: agreed}


def pool_scores(ledger: Ledger, objective: str) -> None:
    """Bring the pooled scores of all finished trials up to date, in the ledger.

    They change with every trial that finishes. What two trials say of each other does not: it is computed once, and
    kept in the outcome as ``silhouettes`` and ``agreements``, by the number of the other trial. If there are more than
    3,000 images, the same random sample serves for all trials.

    If no trial's training helped, they cannot judge each other, and :func:`raycluster.sweeps.verdict.ranks_by_pixels`
    ranks them.

    Parameters
    ----------
    ledger : Ledger
    objective : str
        If it is pooled, it is brought up to date too.
    """
    outcomes = {number: outcome for number, outcome in ledger.outcomes().items() if outcome["state"] == "finished"}
    if not outcomes:
        return
    for number, outcome in outcomes.items():
        silhouettes, agreements = outcome.setdefault("silhouettes", {}), outcome.setdefault("agreements", {})
        if "helped" not in outcome:
            outcome |= verdict_of(RunDir(ledger.trial_dir(number)).summary())
        for other in outcomes:
            if str(other) not in silhouettes:
                opinion = opinion_of(_sample_of(ledger, number), _sample_of(ledger, other))
                silhouettes[str(other)], agreements[str(other)] = opinion
    scores = pooled_scores(_table(outcomes, "silhouettes"), _table(outcomes, "agreements"))
    plan = ledger.plan()
    by_pixels = ranks_by_pixels([outcome | {"settings": plan[number]} for number, outcome in outcomes.items()])
    if by_pixels is not None:
        scores[POOLED] = by_pixels
    for i, (number, outcome) in enumerate(outcomes.items()):
        outcome["scores"] |= {name: float(values[i]) for name, values in scores.items()}
        if objective in scores:
            outcome["objective"] = outcome["scores"][objective]
        ledger.write_outcome(number, outcome)


def _sample_of(ledger: Ledger, number: int) -> Sample:
    """Return the sample of a finished trial; it is taken once, because all embeddings take long to read."""
    path = sample_path(ledger.path / "samples", number)
    if not path.exists():
        embeddings, clusters = read_clustered_embeddings(RunDir(ledger.trial_dir(number)))
        rows = sample_rows(len(clusters))
        save_sample(path, Sample(embeddings[rows], clusters[rows]))
    return load_sample(path)


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
