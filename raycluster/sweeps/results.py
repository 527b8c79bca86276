"""The outcome of a sweep: a table of the trials, the best settings, pictures, and lines for the console."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pyarrow as pa
from scipy.stats import spearmanr

from raycluster.data.files.location import public_name
from raycluster.report.page import PAGE
from raycluster.report.sweep_page import sweep_page
from raycluster.runtime.files import atomic_write, plain, write_json, write_parquet
from raycluster.runtime.units import duration
from raycluster.sweeps.counting import n_clusters_sentence, suggest_n_clusters
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import BY_LABELS, OBJECTIVES, POOLED, comparable
from raycluster.sweeps.verdict import no_training_helped, ranks_by_pixels
from raycluster.training.trainer import TrainingRun


def write_results(ledger: Ledger, run: TrainingRun, objective: str) -> None:
    """Write ``trials.parquet``, ``best.json`` and ``sweep.html`` with what is known so far.

    ``best.json`` holds the method, the data and all settings of the best trial, as ``raycluster train --config`` takes
    them; it exists as soon as a trial has finished.
    """
    rows = ledger.rows()
    write_parquet(ledger.path / "trials.parquet", trials_table(rows))
    best = best_row(rows)
    if best:
        settings = asdict(run.settings) | best["settings"]
        given = {name: value for name, value in run.identity.items() if name != "method" and name not in settings}
        write_json(ledger.path / "best.json", {"method": run.method.name} | given | settings)
    with atomic_write(ledger.path / "sweep.html") as partial:
        title = f"{run.method.name} on {public_name(run.data)}"
        partial.write_text(sweep_page(rows, objective, title, page_of(ledger, best), " ".join(notes(rows, objective))))


def notes(rows: list[dict[str, Any]], objective: str) -> list[str]:
    """Return what else there is to say about the trials, in sentences."""
    finished = [row for row in rows if row["state"] == "finished"]
    sentences = [n_clusters_sentence(suggest_n_clusters(rows, objective))]
    if no_training_helped(finished):
        sentences.append("No finished trial's training helped: train longer, or try other settings.")
        if objective == POOLED and len(finished) > 1 and ranks_by_pixels(finished) is not None:
            sentences.append(f"Here {POOLED} ranks them by how well their clusters can be predicted from the pixels.")
    return [sentence for sentence in sentences if sentence]


def page_of(ledger: Ledger, best: dict[str, Any] | None) -> str | None:
    """Return where the page of the best trial is, relative to the folder of the sweep, or None if it has none."""
    if best is None or not (ledger.trial_dir(best["trial"]) / PAGE).exists():
        return None
    return (ledger.trial_dir(best["trial"]) / PAGE).relative_to(ledger.path).as_posix()


def trials_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return the rows of a ledger as columns; those of settings and scores are called ``setting.x`` and ``score.x``."""
    kinds = {
        "trial": pa.int32(),
        "state": pa.string(),
        "objective": pa.float64(),
        "clusters": pa.int32(),
        "helped": pa.bool_(),
        "predictability": pa.float64(),
        "epochs": pa.int32(),
        "seconds": pa.float64(),
        "error": pa.string(),
        "folder": pa.string(),
    }
    columns = {name: pa.array([plain(row[name]) for row in rows], kind) for name, kind in kinds.items()}
    for name in rows[0]["settings"] if rows else ():
        columns[f"setting.{name}"] = _column([row["settings"][name] for row in rows])
    for name in OBJECTIVES:
        columns[f"score.{name}"] = pa.array([plain(row["scores"].get(name)) for row in rows], pa.float64())
    return pa.table(columns)


def best_row(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the finished trial with the largest objective, the first among equals."""
    finished = [row for row in rows if row["state"] == "finished" and row["objective"] is not None]
    return max(finished, key=lambda row: comparable(row["objective"]), default=None)


def rank_agreement(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return Spearman's correlation of every score with the scores by labels, over finished trials.

    Returns
    -------
    table : list of dict
        Rows of ``score``, ``nmi``, ``acc``, ``ari`` and ``trials``, the best by NMI first; empty if no labels are known
        or fewer than 3 trials have finished.
    """
    known = [row["scores"] for row in rows if row["state"] == "finished" and row["scores"].get("nmi") is not None]
    if len(known) < 3:
        return []
    table = []
    for name in OBJECTIVES:
        values = [scores[name] for scores in known if scores.get(name) is not None]
        if name not in BY_LABELS and len(values) == len(known):
            found = {label: _spearman(values, [scores[label] for scores in known]) for label in BY_LABELS}
            table.append({"score": name, "trials": len(known)} | found)
    return sorted(table, key=lambda row: -comparable(row["nmi"]))


def header(settings: list[str], objective: str) -> str:
    """Return the title line of the table of trials."""
    names = "".join(f"{_short(name):>14}" for name in settings)
    return f"{'trial':>5}  {'state':<9}{objective[:14]:>15}{'NMI':>8}{names}{'took':>14}"


def line(row: dict[str, Any], settings: list[str], note: str = "") -> str:
    """Return a trial as a line of the table."""
    values = "".join(f"{_shown(row['settings'][name]):>14}" for name in settings)
    objective = "" if row["objective"] is None else f"{row['objective']:.4f}"
    nmi = "" if row["scores"].get("nmi") is None else f"{row['scores']['nmi']:.3f}"
    took = "" if row["seconds"] is None else duration(row["seconds"])
    error = f"  {row['error']}" if row["error"] and row["state"] == "failed" else ""
    return f"{row['trial']:>5}  {row['state']:<9}{objective:>15}{nmi:>8}{values}{took:>14}{note}{error}"


def _short(name: str) -> str:
    return name if len(name) <= 13 else f"{name[:12]}…"


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _spearman(a: list[float], b: list[float]) -> float | None:
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return float(spearmanr(a, b).statistic)


def _column(values: list[Any]) -> pa.Array:
    """Return values as numbers if they all are, and values of several kinds as text."""
    try:
        return pa.array([float(value) if isinstance(value, float) else value for value in values])
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
