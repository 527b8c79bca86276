"""Which score without labels ranks trials as known classes do: Spearman's correlation over all trials of sweeps.

    python benchmarks/objectives.py sweeps/digits sweeps/usps

Reads trials.parquet in the folders of sweeps on data with known classes, which served for this table and for nothing
else. Sweeps with one method on one source are one line of trials; a correlation of 1 means the same order as by NMI.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import tyro

from raycluster.sweeps.results import rank_agreement

PREFIX = "score."


def main(sweeps: tyro.conf.Positional[tuple[Path, ...]], /) -> None:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for folder in sweeps:
        identity = json.loads((folder / "config.json").read_text())["identity"]
        name = f"{Path(identity['data']).stem}, {identity['method'].removeprefix('a sweep of ')}"
        groups[name] += read_rows(folder / "trials.parquet")
    print("| data, method | trials | NMI from, to | score | Spearman with NMI | with ACC | with ARI |")
    print("|---|---|---|---|---|---|---|")
    ranks: dict[str, list[float]] = defaultdict(list)
    for name, rows in groups.items():
        table = rank_agreement(rows)
        if not table:
            print(f"| {name} | fewer than 3 finished trials with known classes | | | | | |")
            continue
        values = [row["scores"]["nmi"] for row in rows if row["scores"].get("nmi") is not None]
        spread = f"{min(values):.3f}, {max(values):.3f}"
        for row in table:
            cells = " | ".join(shown(row[label]) for label in ("nmi", "acc", "ari"))
            print(f"| {name} | {row['trials']} | {spread} | {row['score']} | {cells} |")
            ranks[row["score"]].append(row["nmi"] or 0.0)
    if len(groups) > 1:
        print("\nMean over the lines of data and method:")
        for score, found in sorted(ranks.items(), key=lambda item: -float(np.mean(item[1]))):
            print(f"  {score:<20}{np.mean(found):>6.2f}   lowest {min(found):.2f}")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the trials of a table as :func:`raycluster.sweeps.results.rank_agreement` takes them."""
    rows = pq.read_table(path).to_pylist()
    return [
        {"state": row["state"], "scores": {n.removeprefix(PREFIX): v for n, v in row.items() if n.startswith(PREFIX)}}
        for row in rows
    ]


def shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
