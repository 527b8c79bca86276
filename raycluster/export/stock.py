"""What is there and what is missing: the files of a source against the catalogue and the parts of an export."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from raycluster.data.labels import UNKNOWN, folder_labels
from raycluster.data.rows import Found, Rows, find_rows, list_images
from raycluster.data.sources import Listing, printable
from raycluster.errors import UserError
from raycluster.export.catalogue import Catalogue, Changes, shard_rows
from raycluster.export.parts import FOLDER, keep_ids, part_path, read_footer

CATALOGUE = "files.parquet"
NAMED = 3


@dataclass(frozen=True)
class Order:
    """The rows that are to be embedded, in the order of their ids, with what is known of them.

    Attributes
    ----------
    rows : Rows
    ids : ndarray of int64, shape (n,)
    paths : Array of string, length n
    labels : ndarray of int64, shape (n,)
        -1 where unknown.
    """

    rows: Rows
    ids: np.ndarray
    paths: pa.Array
    labels: np.ndarray


class Work(NamedTuple):
    """What is to be done.

    Attributes
    ----------
    order : Order
    shards : ndarray of int64, shape (m, 3)
        The number of each shard, its first position in ``order``, and the one after its last.
    notes : list of str
    """

    order: Order
    shards: np.ndarray
    notes: list[str]


class Stock:
    """The state of an export, found out by looking: the catalogue, the parts, and the files of the source.

    Nothing else says what is done: a shard is done if its part is there, whole, with the rows that it should have.

    Parameters
    ----------
    out : Path
    data : str
        A source.
    labels : {"auto", "folders"}

    Attributes
    ----------
    catalogue : Catalogue
        Of the files that are as they were; after :meth:`plan`, of all.
    changes : Changes
    damaged : int
        How many parts were not whole, and were removed.

    Raises
    ------
    UserError
        If the source cannot be listed, or what is missing of it looks like a mistake.
    """

    def __init__(self, out: Path, data: str, labels: Literal["auto", "folders"] = "auto") -> None:
        self._out, self._labels = out, labels
        self.listing: Listing = list_images(data)
        if labels == "folders" and self.listing.kind != "images":
            raise UserError(f"{data} holds {self.listing.kind} files: only image files take their labels from folders.")
        known = Catalogue.load(out / CATALOGUE) if (out / CATALOGUE).exists() else Catalogue.empty()
        self.changes = known.compare(self.listing)
        _check_plausible(data, known, self.listing, self.changes)
        gone = {self.listing.names[i] for i in self.changes.changed} | set(self.changes.deleted)
        self.catalogue = known.without(gone)
        if gone:
            self.catalogue.save(out / CATALOGUE)
        self.damaged = self._sweep()

    @property
    def missing(self) -> np.ndarray:
        """The numbers of the shards that have rows and no part."""
        edges = self.catalogue.edges().tolist()
        return np.array(
            [
                shard
                for shard, (start, stop) in enumerate(edges)
                if not part_path(self._out, shard).exists() and len(self.catalogue.ids(start, stop))
            ],
            np.int64,
        )

    @property
    def has_work(self) -> bool:
        """Whether anything is to be embedded."""
        return bool(self.changes.added or self.changes.changed or len(self.missing))

    def plan(self, image_bytes: int, shard_bytes: int) -> Work:
        """Give ids to the new and changed files, write that down, and return all that is to be embedded.

        Parameters
        ----------
        image_bytes : int
            What an image takes when it is prepared.
        shard_bytes : int
            At most so much is a shard.
        """
        listing = self.listing
        place = {name: i for i, name in enumerate(listing.names)}
        new = sorted(self.changes.added + self.changes.changed)
        begun = [place[name] for name in self._names_of(self._missing_ids())]
        looked_at = sorted(set(new) | set(begun))
        found = find_rows(listing.select(looked_at))
        counts = np.bincount(found.rows.file, minlength=len(looked_at))
        row_count = dict(zip(looked_at, counts.tolist(), strict=True))
        # A container that could not be opened then and can be now, or the other way round, has other rows.
        known_rows = dict(zip(self.catalogue.names, self.catalogue.rows.tolist(), strict=True))
        other = [i for i in begun if row_count[i] != known_rows[listing.names[i]]]
        new = sorted(new + other)
        catalogue = self.catalogue = self.catalogue.without({listing.names[i] for i in other})
        if other:
            self._sweep()
        rows = np.array([row_count[i] for i in new], np.int64)
        per_shard = shard_rows(int(rows.sum()), image_bytes, shard_bytes)
        catalogue = catalogue.with_files(listing.select(new), rows, per_shard)
        labels, notes = self._known_labels(found)
        notes += [f"Other rows than before: {_some([printable(listing.names[i]) for i in other])}."] if other else []
        self.catalogue = catalogue = replace(catalogue, class_names=self.catalogue.class_names)
        catalogue.save(self._out / CATALOGUE)

        edges, missing = catalogue.edges(), self.missing
        parts = [catalogue.ids(*edges[shard].tolist()) for shard in missing]
        ids = np.concatenate([np.empty(0, np.int64), *parts])
        file = catalogue.file_of(ids)
        names, inverse = np.unique(file, return_inverse=True)
        position = {i: p for p, i in enumerate(looked_at)}
        in_found = np.array([position[place[catalogue.names[i]]] for i in names.tolist()], np.int64)
        first_row = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        row = first_row[in_found[inverse]] + ids - catalogue.first[file] if len(ids) else ids
        order = Order(found.rows.select(row), ids, pa.array(found.rows.paths(), pa.string()).take(row), labels[row])
        stop = np.cumsum([len(part) for part in parts], dtype=np.int64)
        start = stop - [len(part) for part in parts]
        return Work(order, np.stack([missing, start, stop], axis=1), listing.notes + found.notes + notes)

    def sentences(self) -> list[str]:
        """Say what has changed since the last time."""
        names = [printable(self.listing.names[i]) for i in self.changes.changed]
        gone = [printable(name) for name in self.changes.deleted]
        said = []
        if self.damaged:
            said.append(f"{self.damaged:,} part(s) were not whole or not as they should be: they are made again.")
        if self.changes.added and self.catalogue.rounds:
            added = [printable(self.listing.names[i]) for i in self.changes.added]
            said.append(f"New: {_some(added)}; ids go on from {self.catalogue.next_id:,}.")
        if names:
            said.append(f"Changed: {_some(names)}. The old rows were taken out; they get new rows with new ids.")
        if gone:
            said.append(f"No longer there: {_some(gone)}. The rows were taken out of their parts.")
        return said

    def _missing_ids(self) -> np.ndarray:
        edges = self.catalogue.edges()
        ids = [self.catalogue.ids(*edges[shard].tolist()) for shard in self.missing]
        return np.concatenate([np.empty(0, np.int64), *ids])

    def _names_of(self, ids: np.ndarray) -> list[str]:
        return [self.catalogue.names[i] for i in np.unique(self.catalogue.file_of(ids)).tolist()]

    def _sweep(self) -> int:
        """Remove what a kill has left, and bring every part to the rows that are still there."""
        folder, edges, damaged = self._out / FOLDER, self.catalogue.edges().tolist(), 0
        for leftover in folder.glob("*.partial"):
            leftover.unlink()
        own = {part_path(self._out, shard) for shard in range(len(edges))}
        for stray in set(folder.glob("part-*.parquet")) - own:
            stray.unlink()
            damaged += 1
        for shard, (start, stop) in enumerate(edges):
            part = part_path(self._out, shard)
            if not part.exists():
                continue
            ids, footer = self.catalogue.ids(start, stop), read_footer(part)
            if footer is not None and len(ids) < footer.rows + len(footer.aside):
                if len(ids):
                    keep_ids(part, ids)
                    footer = read_footer(part)
                else:
                    part.unlink()
                    continue
            if footer is None or len(ids) != footer.rows + len(footer.aside):
                part.unlink()
                damaged += 1
        return damaged

    def _known_labels(self, found: Found) -> tuple[np.ndarray, list[str]]:
        """Return known classes of what was found, by the numbers that they had before; new names come behind."""
        labels, class_names = found.labels, found.class_names
        if self._labels == "folders":
            labels, class_names = folder_labels(found.rows.paths())
        unknown = np.full(len(found.rows), UNKNOWN, np.int64)
        if labels is None:
            return unknown, []
        known = list(self.catalogue.class_names)
        if class_names is None and not known:
            return labels, []
        if class_names is None or (self.catalogue.rounds and not known):
            return unknown, [
                "Known classes are names in some files and numbers in others: those found now are left out."
            ]
        known += [name for name in class_names if name not in known]
        self.catalogue = replace(self.catalogue, class_names=tuple(known))
        number = np.array([known.index(name) for name in class_names] + [UNKNOWN], np.int64)
        return number[np.where((labels < 0) | (labels >= len(class_names)), -1, labels)], []


def _check_plausible(data: str, known: Catalogue, listing: Listing, changes: Changes) -> None:
    """Refuse to take rows out where the files are more likely out of reach than deleted."""
    if changes.deleted and len(changes.deleted) == len(known.names):
        raise UserError(
            f"None of the {len(known.names):,} files that were embedded from {data} is there any more: is it the right "
            "folder, and is its disk there? If they were deleted on purpose, choose another --out."
        )
    if changes.deleted and not listing.is_whole:
        raise UserError(
            f"{len(changes.deleted):,} files that were embedded were not found, and {listing.notes[-1]} Make the "
            "folder readable, so that it can be told whether they were deleted."
        )


def _some(names: list[str]) -> str:
    """Return how many names there are, and the first few."""
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names):,} file(s) ({', '.join(names[:NAMED])}{more})"
