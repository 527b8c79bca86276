"""Parquet files that say by which command they were written, so that the same command again can tell of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.errors import UserError
from raycluster.training.run_dir import plain, write_parquet

KEY = b"raycluster"


def write_told(out: Path, table: pa.Table, what: str, identity: dict[str, Any], summary: dict[str, Any]) -> None:
    """Write a table in one go, with all that decided it and what there is to say of it in its metadata."""
    told = json.dumps(plain({"what": what, "identity": identity, "summary": summary}))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(out, table.replace_schema_metadata({KEY: told.encode()}))


def told_before(out: Path, what: str, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Return the summary of the file, if it has been written by the same command; None if there is no file.

    Raises
    ------
    UserError
        If something else lies there.
    """
    if not out.exists():
        return None
    if out.is_dir():
        raise UserError(f"{out} is a folder: name a file for --out, such as {out / 'assigned.parquet'}.")
    try:
        told = json.loads((pq.read_schema(out).metadata or {})[KEY])
        before, summary = told["identity"], told["summary"]
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
        told = {}
    if told.get("what") != what:
        raise UserError(f"{out} is there already, and no {what} of raycluster: choose another --out.")
    changed = [name for name, value in identity.items() if before.get(name) != value]
    if changed:
        names = " and ".join(name if " " in name else f"--{name.replace('_', '-')}" for name in changed)
        raise UserError(
            f"{out} holds another {what}, with other contents of {names}: choose another --out, or remove the file."
        )
    return dict(summary)
