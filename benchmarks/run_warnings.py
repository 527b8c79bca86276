"""Which warnings do runs give when they should, and which when they should not? Good runs, bad ones, and ruined ones.

    python benchmarks/run_warnings.py measure sweeps/digits-jule sweeps/usps-ruined ...
    python benchmarks/run_warnings.py table

Reads the finished trials of sweeps on data with known classes, those of benchmarks/objectives_sweeps.py. The clusters
that the network found are compared with as many of the graph on pixels, by NMI with the classes: a training that gained
.01 or more has helped. Known classes serve for the table and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from effect import SCORES
from records import Table, machine, machines_of, read_records, replace_records

from raycluster.graph.settings import GraphSettings
from raycluster.methods.concurl.health import warnings_of as concurl_warnings
from raycluster.methods.dccm.health import warnings_of as dccm_warnings
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.methods.jule.health import warnings_of as jule_warnings
from raycluster.methods.start import effect_on_sample
from raycluster.metrics.effect import Effect
from raycluster.metrics.quality import clustering_quality
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.pooling import read_clustered_embeddings

RESULTS = Path(__file__).with_name("run_warnings.jsonl")
TIE, MUCH = 0.01, 0.1  # of NMI
# A part of each warning, and what it is called in the table.
WARNINGS = {
    "are in one cluster": "most images are in one cluster",
    "clusters are in use": "fewer clusters are in use",
    "have a mean cosine": "the embedding has collapsed",
    "is not finite": "the loss or the gradient is not finite",
    "of nearest neighbors share": "neighbors do not share a cluster",
    "the consensus loss is": "the consensus loss is that of uniform predictions",
    "of all pairs are linked": "the pseudo-graph has collapsed",
    "are linked to all others": "images are linked to all others",
    "no two images of the same cluster": "batches are without pairs",
    "training did not help": "training did not help",
}
WARNINGS_OF: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "jule": partial(jule_warnings, graph=GraphSettings()),
    "dccm": dccm_warnings,
    "concurl": concurl_warnings,
}
EFFECTS = ("helped", "made no difference", "lost up to .1", "lost more")


@dataclass
class Measure:
    """Read the warnings of every finished trial."""

    sweeps: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of sweeps."""


def main(command: Measure | Table) -> None:
    if isinstance(command, Table):
        print_table(read_records(RESULTS))
        return
    for folder in command.sweeps:
        key = {"sweep": folder.name}
        replace_records(RESULTS, key, [key | row | machine() for row in measured(folder)])


def measured(folder: Path) -> list[dict[str, Any]]:
    """Return what every finished trial of a sweep warns of, by the present rules, and what training did to it."""
    ledger = Ledger(folder)
    finished = [number for number, outcome in ledger.outcomes().items() if outcome["state"] == "finished"]
    with np.load(RunDir(ledger.trial_dir(finished[0])).config()["identity"]["data"], allow_pickle=False) as part:
        images, labels = part["images"], part["labels"]
    pixels, rows = pixel_rows(images), []
    for number in finished:
        run_dir = RunDir(ledger.trial_dir(number))
        summary, n_clusters = run_dir.summary(), run_dir.config()["identity"]["clusters"]
        last = {row["kind"]: row for row in run_dir.rows() if row["kind"] in ("epoch", "period")}
        warnings = [warning for row in last.values() for warning in WARNINGS_OF[summary.method](row)]
        if summary.method == "jule":
            names = ("pixels", "rc")
            before, after = (summary.quality[name]["nmi"] for name in names)
            effect = Effect(*(last["period"]["training"][name] for name in SCORES))
        else:
            embeddings, clusters = read_clustered_embeddings(run_dir)
            start = recluster(pixels, n_clusters, GraphSettings()).labels
            before, after = clustering_quality(labels, start)["nmi"], summary.quality[summary.reported]["nmi"]
            effect = effect_on_sample(embeddings, pixels, clusters, n_clusters)
        rows.append(
            {
                "method": summary.method,
                "trial": number,
                "clusters": n_clusters,
                "classes": len(np.unique(labels)),
                "settings": ledger.plan()[number],
                "nmi": [before, after],
                **effect.described("pixels"),
                "warnings": warnings + ([] if effect.helped else [effect.sentence("pixels")]),
            }
        )
    return rows


def effect_of(row: dict[str, Any]) -> str:
    before, after = row["nmi"]
    lost = before - after
    return EFFECTS[0 if lost <= -TIE else 1 if lost < TIE else 2 if lost <= MUCH else 3]


def print_table(rows: list[dict[str, Any]]) -> None:
    print(f"| a run warns that | {' | '.join(f'training {effect}' for effect in EFFECTS)} |")
    print(f"|---|{'---|' * len(EFFECTS)}")
    groups = [[row for row in rows if effect_of(row) == effect] for effect in EFFECTS]
    for part, name in WARNINGS.items():
        fired = [sum(any(part in warning for warning in row["warnings"]) for row in group) for group in groups]
        if any(fired):
            print(f"| {name} | {' | '.join(map(str, fired))} |")
    print(f"| anything | {' | '.join(str(sum(bool(row['warnings']) for row in group)) for group in groups)} |")
    print(f"| runs | {' | '.join(str(len(group)) for group in groups)} |")
    print(f"\n{len(rows)} runs of {len({row['sweep'] for row in rows})} sweeps. {machines_of(rows)}")


if __name__ == "__main__":
    command: Any = Annotated[Measure, tyro.conf.subcommand("measure")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
