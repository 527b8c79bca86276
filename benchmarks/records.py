"""What benchmarks keep of their measurements: a JSON object a line, with the machine and the date."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass
class Table:
    """Print what the results file holds."""


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return all measurements so far."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Add a measurement."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def replace_records(path: Path, key: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Add measurements, and leave out earlier ones of the same key."""
    kept = [record for record in read_records(path) if not is_of(record, key)]
    path.write_text("".join(json.dumps(record) + "\n" for record in [*kept, *records]), encoding="utf-8")


def is_of(record: dict[str, Any], key: dict[str, Any]) -> bool:
    """Return whether a measurement has all entries of a key."""
    return record.items() >= key.items()


def machine(device: str = "cpu") -> dict[str, str]:
    """Return the machine, and the date of today."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    gpu = torch.cuda.get_device_name() if device == "cuda" else ""
    parts = [part for part in (gpu, cpu, f"{os.cpu_count()} cores", f"torch {torch.__version__}") if part]
    return {"machine": ", ".join(parts), "date": time.strftime("%Y-%m-%d")}


def machines_of(records: list[dict[str, Any]]) -> str:
    """Return all machines that measured, with their dates."""
    return "; ".join(sorted({f"{record['machine']}, {record['date']}" for record in records}))


def short(number: float) -> str:
    """Leave out the zero before the point."""
    return f"{number:.3f}".removeprefix("0")
