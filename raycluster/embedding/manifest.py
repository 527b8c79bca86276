"""Which file has which ids, and how ids are cut into shards: what is remembered of a set that grows."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.data.files.sources import Listing
from raycluster.errors import UserError
from raycluster.runtime.files import atomic_write


class Changes(NamedTuple):
    """Files that differ from the manifest: positions in the listing of new and changed ones, names of deleted ones."""

    added: list[int]
    changed: list[int]
    deleted: list[str]


@dataclass(frozen=True)
class IdBlock:
    """A range of ids that were assigned together, cut into shards of equal length.

    Attributes
    ----------
    start, stop : int
        The first id, and the one past the last.
    shard_rows : int
        The ids in a shard; the last shard may have fewer.
    """

    start: int
    stop: int
    shard_rows: int

    def edges(self) -> np.ndarray:
        """Return the first id of every shard and the one past its last, int64 (m, 2)."""
        first = np.arange(self.start, self.stop, self.shard_rows, dtype=np.int64)
        return np.stack([first, np.minimum(first + self.shard_rows, self.stop)], axis=1)


@dataclass(frozen=True)
class Manifest:
    """Files and the ids of their rows. A file keeps its range of ids for as long as it does not change.

    Attributes
    ----------
    names : list of str
        As spelled by the file system.
    sizes, modified : ndarray of int64, shape (m,)
        Bytes, and nanoseconds since 1970.
    first, rows : ndarray of int64, shape (m,)
        The id of a file's first row, and how many rows it has; ascending.
    blocks : tuple of IdBlock
        Shards are numbered across all of them.
    class_names : tuple of str
        Names of the known classes, in the order of their numbers; empty where the files have numbers only.
    """

    names: list[str]
    sizes: np.ndarray
    modified: np.ndarray
    first: np.ndarray
    rows: np.ndarray
    blocks: tuple[IdBlock, ...] = ()
    class_names: tuple[str, ...] = ()

    @classmethod
    def empty(cls) -> Manifest:
        """Return the manifest of a folder in which nothing has been embedded yet."""
        nothing = np.empty(0, np.int64)
        return cls([], nothing, nothing, nothing, nothing)

    @property
    def n(self) -> int:
        """How many rows there are."""
        return int(self.rows.sum())

    @property
    def next_id(self) -> int:
        """The first id that has never been assigned."""
        return self.blocks[-1].stop if self.blocks else 0

    def edges(self) -> np.ndarray:
        """Return the first id of every shard and the one past its last, int64 (shards, 2)."""
        return np.concatenate([np.empty((0, 2), np.int64), *(one.edges() for one in self.blocks)])

    @cached_property
    def _ends(self) -> np.ndarray:
        return self.first + self.rows

    def ids(self, start: int, stop: int) -> np.ndarray:
        """Return the ids from ``start`` to ``stop`` that still stand for a row, int64, ascending."""
        from_file = int(np.searchsorted(self._ends, start, side="right"))
        to_file = int(np.searchsorted(self.first, stop))
        files = slice(from_file, to_file)
        first = np.maximum(self.first[files], start)
        counts = np.maximum(np.minimum(self.first[files] + self.rows[files], stop) - first, 0)
        before = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(first - before, counts)

    def file_of(self, ids: np.ndarray) -> np.ndarray:
        """Return the positions in the manifest of the files that the ids belong to."""
        return np.searchsorted(self.first, ids, side="right") - 1

    def compare(self, listing: Listing) -> Changes:
        """Find the files that are new, changed (by size or modification time, as in rsync) or deleted."""
        before = {
            name: (size, modified)
            for name, size, modified in zip(self.names, self.sizes.tolist(), self.modified.tolist(), strict=True)
        }
        now = list(zip(listing.sizes, listing.modified, strict=True))
        added = [i for i, name in enumerate(listing.names) if name not in before]
        changed = [
            i
            for i, name in enumerate(listing.names)
            if name in before and before[name] != now[i] and listing.sizes[i] >= 0  # else its size is unknown for now
        ]
        there = set(listing.names)
        return Changes(added, changed, [name for name in self.names if name not in there])

    def without(self, names: set[str]) -> Manifest:
        """Return the manifest without some files; their ids are never reused."""
        kept = [i for i, name in enumerate(self.names) if name not in names]
        arrays = {name: getattr(self, name)[kept] for name in ("sizes", "modified", "first", "rows")}
        return replace(self, names=[self.names[i] for i in kept], **arrays)

    def with_files(self, listing: Listing, rows: np.ndarray, shard_rows: int) -> Manifest:
        """Return the manifest with more files at the end, ``rows`` int64 [m] in each, as an id block of their own."""
        if not len(listing.names):
            return self
        ends = self.next_id + np.cumsum(rows)
        return Manifest(
            self.names + listing.names,
            np.concatenate([self.sizes, np.array(listing.sizes, np.int64)]),
            np.concatenate([self.modified, np.array(listing.modified, np.int64)]),
            np.concatenate([self.first, ends - rows]),
            np.concatenate([self.rows, rows]),
            (*self.blocks, IdBlock(self.next_id, int(ends[-1]), shard_rows)),
            self.class_names,
        )

    def save(self, path: Path) -> None:
        """Write the manifest to a Parquet file, atomically."""
        blocks = [[one.start, one.stop, one.shard_rows] for one in self.blocks]
        columns: dict[str, Any] = {"file": pa.array([os.fsencode(name) for name in self.names], pa.large_binary())}
        columns |= {name: getattr(self, name) for name in ("sizes", "modified", "first", "rows")}
        metadata = {"rounds": json.dumps(blocks), "class_names": json.dumps(self.class_names)}
        with atomic_write(path) as partial:
            pq.write_table(pa.table(columns).replace_schema_metadata(metadata), partial)

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read what :meth:`save` wrote.

        Raises
        ------
        UserError
            If it is damaged.
        """
        try:
            return cls._read(path)
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error}): choose another --out.") from None
        except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}): choose another --out.") from None

    @classmethod
    def _read(cls, path: Path) -> Manifest:
        table = pq.read_table(path, partitioning=None)
        blocks = tuple(IdBlock(*one) for one in json.loads(table.schema.metadata[b"rounds"]))
        names = [os.fsdecode(name) for name in cast("list[bytes]", table["file"].to_pylist())]
        sizes, modified, first, rows = (table[name].to_numpy() for name in ("sizes", "modified", "first", "rows"))
        class_names = tuple(json.loads(table.schema.metadata[b"class_names"]))
        return cls(names, sizes, modified, first, rows, blocks, class_names)
