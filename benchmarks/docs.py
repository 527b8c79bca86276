"""Print the benchmark tables into README.md and docs/ from the results kept beside the scripts.

    python benchmarks/docs.py            write the tables into the pages
    python benchmarks/docs.py --check    exit with 1 if a page does not hold what would be written

A page says where a table belongs: everything from ``<!-- table: NAME -->`` to ``<!-- end -->`` is replaced.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confidence
import dccm_ablation
import effect
import objectives
import quality
import run_warnings
import transfer
import tyro
from records import read_records

HERE = Path(__file__).parent
ROOT = HERE.parent
PLACE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

CLASSES = {"UMIST": 20}  # the other sets have 10
# NMI of JULE-RC (Yang et al., CVPR 2016)
PUBLISHED = {"MNIST-full": ".92", "MNIST-test": ".915", "UMIST": ".877", "USPS": ".913"}

HITS = {
    "ours": "`auto`",
    "k-means silhouette": "silhouettes of k-means, K = 2 to 40",
    "eigen-gap": "eigen-gap of the k-NN graph",
    "EVoC": "layers of EVoC",
}


def main(check: bool = False) -> None:
    """Write the tables into the pages.

    Parameters
    ----------
    check
        Write nothing, and exit with 1 if a page is stale.
    """
    stale = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        before = page.read_text(encoding="utf-8")
        after = PLACE.sub(lambda place: f"{place[1]}{TABLES[place[2]]()}\n{place[3]}", before)
        if after == before:
            continue
        stale.append(str(page.relative_to(ROOT)))
        if not check:
            page.write_text(after, encoding="utf-8")
    if check and stale:
        sys.exit(f"Stale: {', '.join(stale)}. Run python benchmarks/docs.py.")
    print(f"Written: {', '.join(stale)}" if stale else "All tables are up to date.")


def results() -> str:
    """The default settings alone, beside what the paper reports."""
    lines = [
        "| data | images | K | graph on pixels | raycluster, JULE | JULE paper, NMI | seeds | seconds a run |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups = quality.newest(read_records(quality.RESULTS))
    for data in sorted({data for data, preset, _ in groups if preset == "default"}):
        device = "cpu" if (data, "default", "cpu") in groups else "cuda"
        runs = groups[data, "default", device]
        cells = [
            " / ".join(quality.spread(runs, name, score) for score in ("nmi_geometric", "acc"))
            for name in ("pixels", "rc")
        ]
        name = data if quality.are_present(runs[0]) else f"{data} (former defaults)"
        about = f"| {name} | {runs[0]['images']:,} | {CLASSES.get(data, 10)} | {cells[0]} | **{cells[1]}**"
        lines.append(f"{about} | {PUBLISHED.get(data, '')} | {len(runs)} | {quality.seconds(runs, device)} |")
    return "\n".join(lines)


def printed(module: Any) -> Callable[[], str]:
    """Return what the table command of a benchmark prints."""

    def table() -> str:
        with contextlib.redirect_stdout(io.StringIO()) as text:
            module.print_table(read_records(module.RESULTS))
        return text.getvalue().rstrip()

    return table


def text(name: str) -> Callable[[], str]:
    """Return a file of results as it is."""
    return lambda: f"```text\n{(HERE / name).read_text(encoding='utf-8').rstrip()}\n```"


def objectives_by_score() -> str:
    """What each score that a sweep can maximize is worth where K is given, and what ACE is."""
    rows = [row for row in read_records(objectives.RESULTS) if not objectives.is_over_k(row)]
    with contextlib.redirect_stdout(io.StringIO()) as text:
        objectives.print_summary(rows)
    return text.getvalue().rstrip()


def sweeps_over_k() -> str:
    """The numbers of clusters that sweeps over them suggest."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        objectives.print_n_clusters([row for row in read_records(objectives.RESULTS) if objectives.is_over_k(row)])
    return text.getvalue().rstrip()


def k_hits() -> str:
    """On how many sets the true K is among the first 1, 3 and 5: a row for a method."""
    lines = ["| | first | first three | first five |", "|---|---|---|---|"]
    for line in (HERE / "auto_k.txt").read_text(encoding="utf-8").splitlines():
        name, counts = line[:26].strip(), line[26:].split()
        if name in HITS and len(counts) > 3:
            lines.append(f"| {HITS[name]} | {' | '.join(counts[:3])} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "results": results,
    "quality": printed(quality),
    "transfer": printed(transfer),
    "dccm_ablation": printed(dccm_ablation),
    "confidence": printed(confidence),
    "effect": printed(effect),
    "run_warnings": printed(run_warnings),
    "objectives": printed(objectives),
    "objectives_by_score": objectives_by_score,
    "sweeps_over_k": sweeps_over_k,
    "k_hits": k_hits,
} | {path.stem: text(path.name) for path in HERE.glob("*.txt")}


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
