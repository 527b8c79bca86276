"""What each of JULE's deviations from the paper brings: the defaults without one of them at a time, in one table.

    python benchmarks/jule_ablation.py run usps.npz --name USPS --clusters 10
    python benchmarks/jule_ablation.py table

Every run appends a line to the results file; runs that stand there already are not repeated. Labels are used to
compute the scores after a run and for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from quality import CLUSTERINGS, Training, spread, train_missing
from records import Table, machines_of, read_records

from raycluster.methods.jule.settings import PRESETS

RESULTS = Path(__file__).with_name("jule_ablation.jsonl")
DEFAULTS, PAPER = PRESETS["default"], PRESETS["paper"]
DEVIATIONS = {
    "augmentation": ("rotation", "shift", "zoom"),
    "local scaling": ("affinity",),
    "K_s by the number of images": ("n_neighbors",),
    "joining small components": ("join_small_components",),
    "joining small clusters": ("join_small_clusters",),
    "grouped batches": ("grouped_batches",),
    "all other images of a batch as negatives": ("negatives",),
    "rounds": ("rounds",),
}
WITHOUT = {
    "nothing": DEFAULTS,
    **{
        deviation: replace(DEFAULTS, **{name: getattr(PAPER, name) for name in names})
        for deviation, names in DEVIATIONS.items()
    },
}


@dataclass
class Run(Training):
    """Train without each deviation, over several seeds, one thread each."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """One run of each."""


def main(command: Run | Table) -> None:
    if isinstance(command, Table):
        print_table(read_records(RESULTS))
    else:
        train_missing(command, WITHOUT, "without", RESULTS)


def print_table(rows: list[dict[str, Any]]) -> None:
    print("| data | defaults without | graph on pixels | JULE-SF | JULE-RC | seeds |")
    print("|---|---|---|---|---|---|")
    for data in sorted({row["data"] for row in rows}):
        for without in WITHOUT:
            runs = [row for row in rows if (row["data"], row["without"]) == (data, without)]
            if not runs:
                continue
            cells = [
                " / ".join(spread(runs, name, score) for score in ("nmi_geometric", "acc")) for name in CLUSTERINGS
            ]
            print(f"| {data} | {without} | {' | '.join(cells)} | {len(runs)} |")
    print("\nNMI (geometric) / ACC, mean ± standard deviation over seeds.")
    print(machines_of(rows))


if __name__ == "__main__":
    command: Any = Annotated[Run, tyro.conf.subcommand("run")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
