"""What JULE's networks are worth beyond their own clusters: the three tables of the paper's section 4.3.

    python benchmarks/transfer.py measure USPS runs/usps
    python benchmarks/transfer.py measure USPS runs/usps --on MNIST-test --data 'mnist/t10k-*'
    python benchmarks/transfer.py table

Evaluates a finished run on its own images, or its network on those of another set, as `raycluster evaluate` does, and
appends what it finds to the results file, in the place of earlier results. Known classes serve for scores alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from records import machine, machines_of, read_records, replace_records

from raycluster.metrics.transfer import ALGORITHMS
from raycluster.options import EvaluateOptions
from raycluster.results.evaluate import evaluate_run

RESULTS = Path(__file__).with_name("transfer.jsonl")
SPACES = {"pixels": "pixels", "untrained": "random weights", "embedding": "trained"}


@dataclass
class Measure:
    """Evaluate the network of a run."""

    name: tyro.conf.Positional[str]
    """What the tables call the images that it was trained on."""
    run: tyro.conf.Positional[Path]
    """The folder of the run."""
    on: str | None = None
    """What the tables call other images to evaluate it on."""
    data: str | None = None
    """Where these are."""


@dataclass
class Table:
    """Print what the results file holds."""


def main(command: Measure | Table) -> None:
    if isinstance(command, Table):
        print_table(read_records(RESULTS))
        return
    found = evaluate_run(EvaluateOptions(run=str(command.run), data=command.data))
    key = {"trained_on": command.name, "images_of": command.on or command.name}
    parts = {part: found[part] for part in ("images", "transfer", "pairs", "few_labels")}
    replace_records(RESULTS, key, [key | parts | machine()])


def print_table(rows: list[dict[str, Any]]) -> None:
    own = [row for row in rows if row["trained_on"] == row["images_of"]]
    others = [row for row in rows if row not in own]
    print("Other clustering algorithms, NMI (geometric) / ACC:\n")
    print(f"| images | features | {' | '.join(ALGORITHMS)} |")
    print(f"|---|---|{'---|' * len(ALGORITHMS)}")
    for row in own:
        for space, title in SPACES.items():
            print(f"| {row['images_of']} | {title} | {clustered(row, space)} |")
    print("\nNetworks trained on other images, with those trained on the same beside them:\n")
    print(f"| images | network trained on | {' | '.join(ALGORITHMS)} |")
    print(f"|---|---|{'---|' * len(ALGORITHMS)}")
    for row in sorted(others, key=lambda row: str(row["images_of"])):
        print(f"| {row['images_of']} | {row['trained_on']} | {clustered(row, 'embedding')} |")
        for same in own:
            if same["images_of"] == row["images_of"]:
                print(f"| {row['images_of']} | the same | {clustered(same, 'embedding')} |")
                print(f"| {row['images_of']} | none: pixels | {clustered(same, 'pixels')} |")
    told = list(rows[0]["few_labels"]["pixels"])
    print("\nPairs of the same class, and classification with few labels a class (nearest neighbors / linear):\n")
    print(f"| images | features | area under the ROC | accuracy | {' | '.join(f'{n} labels' for n in told)} |")
    print(f"|---|---|---|---|{'---|' * len(told)}")
    for row in own:
        for space, title in SPACES.items():
            pairs, few = row["pairs"][space], row["few_labels"][space]
            cells = [short(pairs["auc"]), short(pairs["accuracy"])]
            cells += [f"{short(few[n]['neighbors'])} / {short(few[n]['linear'])}" for n in told]
            print(f"| {row['images_of']} | {title} | {' | '.join(cells)} |")
    print(f"\nOne run each. {machines_of(rows)}")


def clustered(row: dict[str, Any], space: str) -> str:
    """Return the scores of all algorithms in a space as cells."""
    found = row["transfer"][space]
    return " | ".join(f"{short(found[name]['nmi_geometric'])} / {short(found[name]['acc'])}" for name in ALGORITHMS)


def short(number: float) -> str:
    """Leave out the zero before the point."""
    return f"{number:.3f}".replace("0.", ".", 1)


if __name__ == "__main__":
    command: Any = Annotated[Measure, tyro.conf.subcommand("measure")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
