"""What JULE's networks are worth beyond their own clusters: the three tables of the paper's section 4.3.

    python benchmarks/transfer.py measure USPS runs/usps
    python benchmarks/transfer.py measure USPS runs/usps --on MNIST-test --data 'mnist/t10k-*'
    python benchmarks/transfer.py table

Evaluates a finished run on its own images, or its network on those of another set, as `raycluster evaluate` does. What
it finds goes to the results file, and replaces what an earlier run has found. Known classes serve for scores alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from records import Table, machine, machines_of, read_records, replace_records, short

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
    few_labels = sorted({n for row in own for n in row["few_labels"]["pixels"]}, key=int)
    print("Other clustering algorithms, NMI (geometric) / ACC:\n")
    print(f"| images | features | {' | '.join(ALGORITHMS)} |")
    print(f"|---|---|{'---|' * len(ALGORITHMS)}")
    for row in own:
        for space in row["transfer"]:
            print(f"| {row['images_of']} | {SPACES[space]} | {clustered(row, space)} |")
    print("\nNetworks trained on other images, with those trained on the same beside them:\n")
    print(f"| images | network trained on | {' | '.join(ALGORITHMS)} |")
    print(f"|---|---|{'---|' * len(ALGORITHMS)}")
    for same in own:
        foreign = [row for row in others if row["images_of"] == same["images_of"]]
        for row in foreign:
            print(f"| {row['images_of']} | {row['trained_on']} | {clustered(row, 'embedding')} |")
        if foreign:
            print(f"| {same['images_of']} | the same | {clustered(same, 'embedding')} |")
            print(f"| {same['images_of']} | none: pixels | {clustered(same, 'pixels')} |")
    print("\nPairs of the same class, and classification with so many labels a class (nearest neighbors / linear):\n")
    print(f"| images | features | area under the ROC | accuracy | {' | '.join(map(str, few_labels))} |")
    print(f"|---|---|---|---|{'---|' * len(few_labels)}")
    for row in own:
        for space, pairs in row["pairs"].items():
            few = row["few_labels"][space]
            cells = [short(pairs["auc"]), short(pairs["accuracy"])]
            cells += [
                f"{short(few[n]['neighbors'])} / {short(few[n]['linear'])}" if n in few else "" for n in few_labels
            ]
            print(f"| {row['images_of']} | {SPACES[space]} | {' | '.join(cells)} |")
    print(f"\nOne run each. {machines_of(rows)}")


def clustered(row: dict[str, Any], space: str) -> str:
    """Return the scores of all algorithms in a space as cells."""
    found = row["transfer"][space]
    return " | ".join(f"{short(found[name]['nmi_geometric'])} / {short(found[name]['acc'])}" for name in ALGORITHMS)


if __name__ == "__main__":
    command: Any = Annotated[Measure, tyro.conf.subcommand("measure")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
