"""The numbers of clusters that a sweep over several of them suggests, with the reasons."""

from __future__ import annotations

from typing import Any

from raycluster.sweeps.objective import AGREEMENT, POOLED_SILHOUETTE, comparable

MOST = 3


def suggest_n_clusters(rows: list[dict[str, Any]], objective: str) -> list[tuple[int, str]]:
    """Return up to three numbers of clusters and the reason for each, the best first; none if all trials have the same.

    Parameters
    ----------
    rows : list of dict
        From :meth:`raycluster.sweeps.ledger.Ledger.rows`.
    objective : str
    """
    finished = [row for row in rows if row["state"] == "finished" and row["objective"] is not None]
    if len({row["clusters"] for row in finished}) < 2:
        return []
    best, *others = sorted(finished, key=lambda row: -comparable(row["objective"]))
    agreed = max(finished, key=lambda row: row["scores"][AGREEMENT])
    compact = max(finished, key=lambda row: row["scores"][POOLED_SILHOUETTE])
    reasons = [
        (best["clusters"], f"highest {objective}, {best['objective']:.2f}"),
        (agreed["clusters"], f"other trials agree most, to ARI {agreed['scores'][AGREEMENT]:.2f}"),
        (compact["clusters"], f"highest silhouette over all embeddings, {compact['scores'][POOLED_SILHOUETTE]:.2f}"),
        *((row["clusters"], f"{objective} {row['objective']:.2f}") for row in others),
    ]
    first: dict[int, str] = {}
    for number, reason in reasons:
        first.setdefault(number, reason)
    return list(first.items())[:MOST]


def n_clusters_sentence(suggested: list[tuple[int, str]]) -> str:
    """Say which numbers of clusters are suggested, and why; "" if none is."""
    return f"Numbers of clusters: {'; '.join(f'{k} ({reason})' for k, reason in suggested)}." if suggested else ""
