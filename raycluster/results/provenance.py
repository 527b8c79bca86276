"""Results that say by which command they were written, so that the same command again can tell of them."""

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

KEY = b"raycluster"
NAME = "raycluster.json"


def write_table(out: Path, table: pa.Table, told: dict[str, Any]) -> None:
    """Write a Parquet file in one go, with what there is to say of it in its metadata."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(out, table.replace_schema_metadata({KEY: json.dumps(plain(told)).encode()}))


@contextlib.contextmanager
def atomic_folder(out: Path, told: dict[str, Any]) -> Iterator[Path]:
    """Give a temporary folder to write to, and rename it to ``out`` when the writing has succeeded."""
    partial = out.with_name(f"{out.name}.partial")
    remove_tree(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        write_json(partial / NAME, told)
        partial.replace(out)
    finally:
        remove_tree(partial)


def existing_result(out: Path, what: str, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Return the summary of a file or folder, if it has been written by the same command; None if nothing is there.

    What is told of it are ``what`` it is, the ``identity``, all that decided it, and the ``summary``.

    Raises
    ------
    UserError
        If something else lies there.
    """
    if not out.exists():
        return None
    told: dict[str, Any] = {}
    with contextlib.suppress(pa.ArrowInvalid, OSError, KeyError, ValueError):
        told = json.loads((out / NAME).read_text() if out.is_dir() else (pq.read_schema(out).metadata or {})[KEY])
    if told.get("what") != what:
        raise UserError(f"{out} is there already, and no {what} of raycluster: choose another --out.")
    changed = [name for name, value in identity.items() if told["identity"].get(name) != value]
    if changed:
        names = " and ".join(name if " " in name else f"--{name.replace('_', '-')}" for name in changed)
        raise UserError(
            f"{out} holds another {what}, with other contents of {names}: choose another --out, or remove what is "
            "there."
        )
    return dict(told["summary"])
