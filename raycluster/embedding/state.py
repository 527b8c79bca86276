"""What is embedded and what is missing: the files of a source, compared with the manifest and the part files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import Listing, list_images, printable
from raycluster.data.image.formats import NO_HEIF, reads_heif
from raycluster.data.images import index_source
from raycluster.data.labels import UNKNOWN
from raycluster.data.reading import USUAL, Reading
from raycluster.data.row_index import RowIndex, known_classes
from raycluster.data.rows import Rows
from raycluster.data.unreadable import UNREACHABLE, Unreadable
from raycluster.embedding.manifest import Changes, Manifest
from raycluster.embedding.part_files import FOLDER, keep_ids, part_path, read_footer
from raycluster.embedding.shard_size import shard_rows
from raycluster.errors import UserError

MANIFEST = "files.parquet"
NAMED = 3


@dataclass(frozen=True)
class PendingRows:
    """The rows still to be embedded, in the order of their ids, with what is known about them.

    Attributes
    ----------
    rows : Rows
    ids : ndarray of int64, shape (n,)
    paths : Array of string, length n
    labels : ndarray of int64, shape (n,)
        -1 where unknown.
    reasons : dict of int to str
        By position, rows that stand for a container that could not be opened.
    """

    rows: Rows
    ids: np.ndarray
    paths: pa.Array
    labels: np.ndarray
    reasons: dict[int, str]


class EmbeddingPlan(NamedTuple):
    """What remains to be done.

    Attributes
    ----------
    order : PendingRows
    shards : ndarray of int64, shape (m, 3)
        The number of each shard, its first position in ``order``, and the one after its last.
    notes : list of str
    """

    order: PendingRows
    shards: np.ndarray
    notes: list[str]


class EmbeddingState:
    """The state of an embedding folder, read off its files: the manifest, the part files, and the files of the source.

    There is no other record: a shard is done if its part file is there, whole, with the rows that it should have.

    Parameters
    ----------
    out : Path
    data : str
        A source.
    reading : Reading
    listing : Listing, optional
        The files of the source, where they have just been listed.

    Attributes
    ----------
    manifest : Manifest
        Of the unchanged files; after :meth:`plan`, of all of them.
    changes : Changes
    damaged : int
        How many part files were incomplete and have been removed.
    unreachable : int
        How many rows could not be read last time, although nothing is wrong with them; their part files are
        removed too.

    Raises
    ------
    UserError
        If the source cannot be listed, or so much of it is missing that this looks like a mistake.
    """

    def __init__(self, out: Path, data: str, reading: Reading = USUAL, listing: Listing | None = None) -> None:
        self._out, self._reading = out, reading
        self.listing: Listing = listing or list_images(data, reading.exclude)
        known = Manifest.load(out / MANIFEST) if (out / MANIFEST).exists() else Manifest.empty()
        self.changes = known.compare(self.listing)
        _check_plausible(data, known, self.listing, self.changes)
        gone = {self.listing.names[i] for i in self.changes.changed} | set(self.changes.deleted)
        self.manifest = known.without(gone)
        if gone:
            self.manifest.save(out / MANIFEST)
        self.damaged = self.unreachable = 0
        self._sweep()

    @property
    def missing(self) -> np.ndarray:
        """The numbers of the shards that have rows but no part file."""
        edges = self.manifest.edges().tolist()
        return np.array(
            [
                shard
                for shard, (start, stop) in enumerate(edges)
                if not part_path(self._out, shard).exists() and len(self.manifest.ids(start, stop))
            ],
            np.int64,
        )

    @property
    def fewest_missing(self) -> int:
        """How many rows at least remain to be embedded: those that are known, and one of every new or changed file."""
        return len(self._missing_ids()) + len(self.changes.added) + len(self.changes.changed)

    @property
    def has_work(self) -> bool:
        """Whether anything remains to be embedded."""
        return bool(self.changes.added or self.changes.changed or len(self.missing))

    def plan(self, image_bytes: int, shard_bytes: int) -> EmbeddingPlan:
        """Give ids to new and changed files, record them in the manifest, and return everything still to be embedded.

        Parameters
        ----------
        image_bytes : int
            What one prepared image takes.
        shard_bytes : int
            The most that a shard may take.
        """
        listing = self.listing
        place = {name: i for i, name in enumerate(listing.names)}
        new = sorted(self.changes.added + self.changes.changed)
        begun = [place[name] for name in self._names_of(self._missing_ids())]
        looked_at = sorted(set(new) | set(begun))
        found = index_source(listing.select(looked_at), self._reading)
        counts = np.bincount(found.rows.file, minlength=len(looked_at))
        row_count = dict(zip(looked_at, counts.tolist(), strict=True))
        # A container that could not be opened before but can be now, or the other way around, has other rows.
        known_rows = dict(zip(self.manifest.names, self.manifest.rows.tolist(), strict=True))
        other = [i for i in begun if row_count[i] != known_rows[listing.names[i]]]
        first_row = np.cumsum(counts) - counts
        reasons = {looked_at[i]: found.reasons[row] for i, row in enumerate(first_row.tolist()) if row in found.reasons}
        _check_still_readable(other, reasons, listing)
        new = sorted(new + other)
        manifest = self.manifest = self.manifest.without({listing.names[i] for i in other})
        if other:
            self._sweep()
        rows = np.array([row_count[i] for i in new], np.int64)
        per_shard = shard_rows(int(rows.sum()), image_bytes, shard_bytes)
        manifest = manifest.with_files(listing.select(new), rows, per_shard)
        labels, notes = self._known_labels(found)
        notes += [f"The rows have changed in {_some([printable(listing.names[i]) for i in other])}."] if other else []
        self.manifest = manifest = replace(manifest, class_names=self.manifest.class_names)
        manifest.save(self._out / MANIFEST)

        edges, missing = manifest.edges(), self.missing
        parts = [manifest.ids(*edges[shard].tolist()) for shard in missing]
        ids = np.concatenate([np.empty(0, np.int64), *parts])
        row = self._rows_in(found, {listing.names[i]: p for p, i in enumerate(looked_at)}, ids)
        paths = found.paths.take(pa.array(row)).cast(pa.string())
        why = {int(i): str(found.reasons[int(row[i])]) for i in np.flatnonzero(np.isin(row, list(found.reasons)))}
        order = PendingRows(found.rows.select(row), ids, paths, labels[row], why)
        stop = np.cumsum([len(part) for part in parts], dtype=np.int64)
        start = stop - [len(part) for part in parts]
        return EmbeddingPlan(order, np.stack([missing, start, stop], axis=1), found.notes + notes)

    def originals(self, ids: np.ndarray) -> Rows:
        """Return where images of some ids, int64 [m] and ascending, are in the source, to be read again."""
        place = {name: i for i, name in enumerate(self.listing.names)}
        names = self._names_of(ids)
        found = index_source(self.listing.select([place[name] for name in names]), self._reading)
        return found.rows.select(self._rows_in(found, {name: i for i, name in enumerate(names)}, ids))

    def sentences(self) -> list[str]:
        """Return sentences on what has changed since the last time."""
        names = [printable(self.listing.names[i]) for i in self.changes.changed]
        gone = [printable(name) for name in self.changes.deleted]
        said = []
        if self.damaged:
            said.append(f"{self.damaged:,} part file(s) were incomplete or inconsistent: they are written again.")
        if self.unreachable:
            said.append(f"{self.unreachable:,} input(s) could not be read last time: they are tried again.")
        if self.changes.added and self.manifest.blocks:
            added = [printable(self.listing.names[i]) for i in self.changes.added]
            said.append(f"New: {_some(added)}; their ids start at {self.manifest.next_id:,}.")
        if names:
            said.append(f"Changed: {_some(names)}. Their old rows were removed; the new rows get new ids.")
        if gone:
            said.append(f"Deleted: {_some(gone)}. Their rows were removed.")
        return said

    def _rows_in(self, found: RowIndex, file_in_it: dict[str, int], ids: np.ndarray) -> np.ndarray:
        """Return the rows of an index of some files, by their names, in which the ids of the manifest are."""
        if not len(ids):
            return ids
        file = self.manifest.file_of(ids)
        files, inverse = np.unique(file, return_inverse=True)
        counts = np.bincount(found.rows.file, minlength=len(file_in_it))
        first_row = np.cumsum(counts) - counts
        indexed = np.array([file_in_it[self.manifest.names[i]] for i in files.tolist()], np.int64)
        rows: np.ndarray = first_row[indexed[inverse]] + ids - self.manifest.first[file]
        return rows

    def _missing_ids(self) -> np.ndarray:
        edges = self.manifest.edges()
        ids = [self.manifest.ids(*edges[shard].tolist()) for shard in self.missing]
        return np.concatenate([np.empty(0, np.int64), *ids])

    def _names_of(self, ids: np.ndarray) -> list[str]:
        return [self.manifest.names[i] for i in np.unique(self.manifest.file_of(ids)).tolist()]

    def _sweep(self) -> None:
        """Remove leftovers of a killed job and part files to be redone; drop rows of deleted files from the others."""
        folder, edges = self._out / FOLDER, self.manifest.edges().tolist()
        for leftover in folder.glob("*.partial"):
            leftover.unlink()
        own = {part_path(self._out, shard) for shard in range(len(edges))}
        for stray in set(folder.glob("part-*.parquet")) - own:
            stray.unlink()
            self.damaged += 1
        for shard, (start, stop) in enumerate(edges):
            part = part_path(self._out, shard)
            if not part.exists():
                continue
            ids, footer = self.manifest.ids(start, stop), read_footer(part)
            if footer is not None and len(ids) < footer.rows + len(footer.rejected):
                if len(ids):
                    keep_ids(part, ids)
                    footer = read_footer(part)
                else:
                    part.unlink()
                    continue
            if footer is None or len(ids) != footer.rows + len(footer.rejected):
                part.unlink()
                self.damaged += 1
            elif again := sum(_may_be_readable_now(row.reason) for row in footer.rejected):
                part.unlink()
                self.unreachable += again

    def _known_labels(self, found: RowIndex) -> tuple[np.ndarray, list[str]]:
        """Return the known classes of the rows found, numbered as before; new names are numbered after the old ones."""
        labels, class_names, notes = known_classes(found, self._reading.labels)
        unknown = np.full(len(found.rows), UNKNOWN, np.int64)
        if labels is None:
            return unknown, notes
        known = list(self.manifest.class_names)
        if class_names is None and not known:
            return labels, notes
        if class_names is None or (self.manifest.blocks and not known):
            return unknown, [
                *notes,
                "Known classes are names in some files and numbers in others: those found now are ignored.",
            ]
        number_of = {name: number for number, name in enumerate(dict.fromkeys([*known, *class_names]))}
        self.manifest = replace(self.manifest, class_names=tuple(number_of))
        number = np.array([number_of[name] for name in class_names] + [UNKNOWN], np.int64)
        return number[np.where((labels < 0) | (labels >= len(class_names)), -1, labels)], notes


def _may_be_readable_now(reason: str) -> bool:
    """Return whether a file that was rejected for a reason may be readable although it has not changed."""
    return reason.startswith(UNREACHABLE) or (reason == NO_HEIF and reads_heif())


def _check_plausible(data: str, known: Manifest, listing: Listing, changes: Changes) -> None:
    """Refuse to remove rows where their files are probably out of reach rather than deleted."""
    if changes.deleted and len(changes.deleted) == len(known.names):
        raise UserError(
            f"None of the {len(known.names):,} files that were embedded from {public_name(data)} exists any more: is "
            "this the right folder, and is its disk mounted? If they were deleted on purpose, choose another --out."
        )
    if changes.deleted and not listing.is_whole:
        raise UserError(
            f"{len(changes.deleted):,} files that were embedded were not found, and {listing.notes[-1]} Make the "
            "folder readable, so that deleted files are not confused with hidden ones."
        )


def _check_still_readable(files: list[int], reasons: dict[int, Unreadable], listing: Listing) -> None:
    """Refuse to continue if an unchanged container that has been embedded before can no longer be opened."""
    lost = [i for i in files if i in reasons]
    if lost:
        raise UserError(
            f"{printable(listing.names[lost[0]])} has not changed, but can no longer be opened: "
            f"{reasons[lost[0]]}. Run the same command again when it can be opened, or remove the file."
        )


def _some(names: list[str]) -> str:
    """Return how many names there are, with the first few of them."""
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names):,} file(s) ({', '.join(names[:NAMED])}{more})"
