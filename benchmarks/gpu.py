"""What a machine with one GPU does: is it right, how fast is it, and how far does training come in some minutes.

    python benchmarks/gpu.py --data /data --minutes 8
    python benchmarks/gpu.py --table                      # of what is known so far

``--data`` is a folder with ``usps.npz``, ``mnist/`` (four IDX files) and ``cifar10_jpeg/`` (Parquet); sections whose
data are missing are left out. What is known is appended to ``--out``, one JSON object a line, as soon as it is known,
and a later call goes on where this one stopped, trainings from their checkpoints in ``--runs``. Ray is not needed;
without it, the sections that need it are left out.

Sections run in a process of their own. If it dies, hangs or loses its GPU, what was under way is recorded as failed,
and a new process goes on with the next section. ``--retry`` tries again what has failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

GRACE = 20.0  # seconds over its limit before a section is ended from outside


@dataclass
class Options:
    """What to do."""

    data: Path = Path("data")
    """Folder of the images."""
    minutes: float = 8.0
    """How long this call may take; it ends a little earlier."""
    out: Path = Path("runs/gpu/results.jsonl")
    """Where results are appended."""
    runs: Path = Path("runs/gpu")
    """Where trainings keep their checkpoints."""
    copy_to: Path | None = None
    """Append the results to a file of the same name in this folder, too."""
    device: str = "auto"
    """Where to compute: cuda if there is one, else cpu."""
    tiny: bool = False
    """Very small sizes, to see whether all of it runs."""
    only: tuple[str, ...] = ()
    """Run only the sections whose names begin with one of these words."""
    fast_epochs: int = 100
    """Epochs of the training with --preset fast on CIFAR-10, whose schedule this shortens; 500 in the preset."""
    concurl_epochs: int = 100
    """Epochs of ConCURL's default on CIFAR-10; 2,000 in the preset."""
    dccm_epochs: int = 10
    """Epochs of DCCM's default on CIFAR-10; 200 in the preset."""
    retry: bool = False
    """Run sections again that have failed."""
    table: bool = False
    """Only print the table."""
    until: float = 0.0
    """When to end, in seconds since 1970, in place of --minutes; a process that runs sections is called with it."""
    inside: bool = False
    """Run the sections in this process."""


@dataclass(frozen=True)
class Section:
    """A part of the benchmark: a function of the options that yields rows, and about how many seconds it takes."""

    name: str
    run: Callable[[Options], Iterator[dict[str, Any]]]
    seconds: float = 0.0
    share: float = 0.0  # of a training: that of the time left which it may take; a later call continues it


def main(options: Options) -> None:
    options.until = options.until or time.time() + 60 * options.minutes
    if options.inside:
        run_sections(options)
        return
    if not options.table:
        supervise(options)
    print_table(rows_of(options.out))


def supervise(options: Options) -> None:
    """Run the sections in a process, and in a new one for the rest when that has died or a section hangs."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.retry:
        record(options, {"section": "retry", "state": "retry"})
    command = [sys.executable, __file__, "--inside", "--until", str(options.until), *passed_on(options)]
    n_rows = -1
    while len(rows_of(options.out)) > n_rows:  # or else it does not even begin
        n_rows = len(rows_of(options.out))
        child = subprocess.Popen(command)
        while child.poll() is None:
            time.sleep(0.2)
            begun = under_way(rows_of(options.out))
            too_long = begun is not None and time.time() > begun["time"] + begun["limit"] + GRACE
            if too_long or time.time() > options.until + GRACE:
                child.kill()
                child.wait()
        begun = under_way(rows_of(options.out))
        if begun is not None:
            late = time.time() > options.until
            state = "stopped" if late else "failed"
            record(options, {"section": begun["section"], "state": state, "error": f"exit code {child.returncode}"})
        if child.returncode == 0 or time.time() > options.until:
            return


def passed_on(options: Options) -> list[str]:
    """Return the flags of a process that runs sections."""
    flags = ["--data", str(options.data), "--out", str(options.out), "--runs", str(options.runs)]
    flags += ["--device", options.device] + (["--tiny"] if options.tiny else [])
    for name in ("fast_epochs", "concurl_epochs", "dccm_epochs"):
        flags += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    flags += ["--copy-to", str(options.copy_to)] if options.copy_to else []
    return flags + (["--only", *options.only] if options.only else [])


def run_sections(options: Options) -> None:
    """Run every section that is not done, as long as there is time; a mistake in one does not stop the others."""
    from gpu_sections import SECTIONS, is_alive, prepare

    prepare(options)
    for section in SECTIONS:
        chosen = not options.only or section.name.startswith(options.only)
        if not chosen or is_over(section, rows_of(options.out)):
            continue
        left = options.until - time.time()
        if left < max(10, section.seconds / 2):
            continue  # a shorter one may still fit
        limit = section.share * left or min(left, 3 * section.seconds)
        started = time.perf_counter()
        # A training ends itself at its share, but may take longer for its last clustering.
        record(options, {"section": section.name, "state": "begun", "limit": left if section.share else limit})
        print(f"{section.name} ...", flush=True)
        try:
            for row in section.run(replace(options, until=time.time() + limit)):
                record(options, {"section": section.name, "state": "found"} | row)
            ending: dict[str, Any] = {"state": "done"}
        except OutOfTime:
            ending = {"state": "stopped"}
        except Exception as error:
            traceback.print_exc()
            ending = {"state": "failed", "error": f"{type(error).__name__}: {error}"[:500]}
        record(options, {"section": section.name} | ending | {"seconds": time.perf_counter() - started})
        if not is_alive(options):
            sys.exit(3)  # the GPU refuses to go on in this process


class OutOfTime(Exception):
    """The time of this call is up; what has been done is kept."""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return all complete lines of the results."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # cut off while it was written
    return rows


def record(options: Options, row: dict[str, Any]) -> None:
    """Append a row, and see that it is on disk."""
    line = json.dumps({"time": time.time()} | row, default=str) + "\n"
    for path in (options.out, *([options.copy_to / options.out.name] if options.copy_to else [])):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def under_way(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row that says which section has begun and not ended."""
    begun = None
    for row in rows:
        if row["state"] in ("begun", "done", "failed", "stopped"):
            begun = row if row["state"] == "begun" else None
    return begun


def is_over(section: Section, rows: list[dict[str, Any]]) -> bool:
    """Return whether a section is done, or has failed since the last --retry."""
    states: list[str] = []
    for row in rows:
        if row["state"] == "retry":
            states = [state for state in states if state != "failed"]
        elif row["section"] == section.name:
            states.append(row["state"])
    return "done" in states or "failed" in states


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the newest row of every kind, section by section."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        if row["state"] in ("found", "failed"):
            newest[row["section"], row.get("what", row["state"])] = row
    for (section, what), row in newest.items():
        skipped = ("time", "section", "state", "what")
        shown = "  ".join(f"{name} {_short(value)}" for name, value in row.items() if name not in skipped)
        print(f"{section:<24} {what:<34} {shown}")


def _short(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    import gpu  # the module that the sections know, not this one, which is called __main__

    gpu.main(tyro.cli(gpu.Options, description=__doc__))
