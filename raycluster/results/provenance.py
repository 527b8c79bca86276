"""Results that carry their provenance, so that the same command recognizes them when it is run again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.errors import UserError
from raycluster.runtime.files import plain, remove_tree, write_json, write_parquet
from raycluster.runtime.identity import differing

KEY = b"raycluster"
NAME = "raycluster.json"


def write_table(out: Path, table: pa.Table, provenance: dict[str, Any]) -> None:
    """Write a Parquet file atomically, with its provenance in the metadata."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(out, table.replace_schema_metadata({KEY: json.dumps(plain(provenance)).encode()}))


@contextlib.contextmanager
def atomic_folder(out: Path, provenance: dict[str, Any]) -> Iterator[Path]:
    """Yield a temporary folder to write to, and rename it to ``out`` once everything is written."""
    partial = out.with_name(f"{out.name}.partial")
    remove_tree(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        write_json(partial / NAME, provenance)
        partial.replace(out)
    finally:
        remove_tree(partial)


def existing_result(out: Path, what: str, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Return the summary of a result that the same command has written before; None if there is no result yet.

    Provenance is ``what`` the result is, its ``identity`` (everything that decides its content) and its ``summary``.

    Raises
    ------
    UserError
        If something else is there.
    """
    if not out.exists():
        return None
    provenance: dict[str, Any] = {}
    with contextlib.suppress(pa.ArrowInvalid, OSError, KeyError, ValueError):
        provenance = json.loads((out / NAME).read_text() if out.is_dir() else (pq.read_schema(out).metadata or {})[KEY])
    if not isinstance(provenance, dict) or provenance.get("what") != what:
        raise UserError(f"{out} already exists and is not one of raycluster's {what}s: choose another --out.")
    if changed := differing(provenance["identity"], identity):
        names = " and ".join(name if " " in name else f"--{name.replace('_', '-')}" for name in changed)
        raise UserError(f"{out} holds another {what}, which differs in {names}: choose another --out, or remove it.")
    return dict(provenance["summary"])
