"""Tables of vectors, such as embeddings: read in full, each row either kept or rejected with the reason."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from raycluster.data.files.sources import printable
from raycluster.data.labels import join_labels
from raycluster.data.unreadable import Rejected, Unreadable
from raycluster.data.vectors.files import VectorFiles, find_vector_files
from raycluster.data.vectors.ids import join_ids
from raycluster.data.vectors.rows import VectorRows, read_npy_rows, read_parquet_rows, unreadable_rows
from raycluster.errors import UserError

NOT_FINITE = "its vector holds null, NaN, infinity, or a number too large for float32"


@dataclass(frozen=True)
class VectorSet:
    """The usable vectors of a source. Row i is the same vector throughout the program; ``ids[i]`` is its public id.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, d)
    ids : ndarray of int64, uint64 or str objects, shape (n,)
        The column ``id``: text if it is no integers, uint64 only if some do not fit int64. Without such a column in
        every file, the position among all rows.
    paths : list of str, length n
        The column ``path``, or else ``file#row``.
    labels : ndarray of int64, shape (n,), or None
        The column ``label``, for reporting only; -1 where unknown.
    rejected : list of Rejected
        The other rows, and the files that cannot be read.
    notes : list of str
        Messages for the user.
    fingerprint : str
        Changes with the names, sizes and modification times of the files.
    """

    vectors: np.ndarray
    ids: np.ndarray
    paths: list[str]
    labels: np.ndarray | None
    rejected: list[Rejected]
    notes: list[str]
    fingerprint: str

    def without(self, rows: np.ndarray, reason: str) -> VectorSet:
        """Return the set with some rows, bool (n,), rejected for a reason."""
        kept = np.flatnonzero(~rows)
        if len(kept) == 0:
            raise UserError(f"None of the {len(rows):,} vectors is usable: {reason}.")
        return replace(
            self,
            vectors=self.vectors[kept],
            ids=self.ids[kept],
            paths=[self.paths[row] for row in kept],
            labels=None if self.labels is None else self.labels[kept],
            rejected=self.rejected + [Rejected(self.paths[row], reason) for row in np.flatnonzero(rows)],
        )


def open_vectors(source: str, column: str | None = None) -> VectorSet:
    """Read vectors from Parquet (a column of lists or one-dimensional tensors) or NPY (a matrix).

    A vector is rejected if it is null, if its length is not the most common one, or if one of its numbers is not
    finite. A file that cannot be read is one rejected row.

    Parameters
    ----------
    source, column
        As in :func:`raycluster.data.vectors.files.find_vector_files`.

    Raises
    ------
    UserError
        If there is nothing to read, no vector is usable, or if ids are null or occur twice.
    """
    return read_vector_files(find_vector_files(source, column))


def read_vector_files(files: VectorFiles) -> VectorSet:
    """Read the vectors of files that were found already; otherwise like :func:`open_vectors`."""
    parts = _read_parts(files)
    size = _most_common_length(parts)
    judged = [_judge(part, size) for part in parts]
    usable = [reasons == "" for _, reasons in judged]
    rejected = [
        Rejected(part.paths[row], reasons[row])
        for part, (_, reasons) in zip(parts, judged, strict=True)
        for row in np.flatnonzero(reasons != "")
    ]
    kept = [vectors for vectors, _ in judged if len(vectors)]
    if not kept:
        raise UserError(_nothing_usable(files.source, rejected))
    ids, notes = _ids(parts, usable, files.source)
    vectors = kept[0] if len(kept) == 1 else np.concatenate(kept)
    everywhere = np.concatenate(usable)
    labels, _ = join_labels([part.labels for part in parts], [len(part.paths) for part in parts])
    n_rows = sum(part.n for part in parts)
    if not len(vectors) == len(ids) == n_rows - len(rejected):
        raise RuntimeError(f"{n_rows} rows became {len(vectors)} vectors and {len(rejected)} rejected rows")
    rejected += [Rejected(printable(name), reason) for name, reason in files.foreign()]
    listed = [files.listing.names, files.listing.sizes, files.listing.modified]
    return VectorSet(
        vectors=vectors,
        ids=ids,
        paths=[part.paths[row] for part, good in zip(parts, usable, strict=True) for row in np.flatnonzero(good)],
        labels=None if labels is None or (labels < 0).all() else labels[everywhere],
        rejected=rejected,
        notes=[*files.listing.notes, *(note for part in parts for note in part.notes), *notes],
        fingerprint=hashlib.sha256(json.dumps([*listed, files.wanted]).encode()).hexdigest(),
    )


def _read_parts(files: VectorFiles) -> list[VectorRows]:
    listing, parts = files.listing, []
    for name, size in zip(listing.names, listing.sizes, strict=True):
        if name in files.left_out:
            continue
        try:
            if name in files.unreadable:
                raise Unreadable(files.unreadable[name])
            if files.column is None:
                parts.append(read_npy_rows(listing.location, name, size))
            else:
                parts.append(read_parquet_rows(listing.location, name, files.column))
        except Unreadable as error:
            parts.append(unreadable_rows(name, str(error)))
    return parts


def _most_common_length(parts: list[VectorRows]) -> int:
    """Return the length that most vectors have, of several the first; 0 if no vector has any numbers."""
    lengths: Counter[int] = Counter()
    for part in parts:
        lengths.update(part.lengths[part.lengths > 0].tolist())
    return lengths.most_common(1)[0][0] if lengths else 0


def _judge(part: VectorRows, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the usable vectors, float32 [m, size], and for each of the n rows the reason why it is not one of them."""
    reasons = part.reasons.copy()
    fits = (reasons == "") & (part.lengths == size) & (size > 0)
    for row in np.flatnonzero((reasons == "") & ~fits):
        reasons[row] = _of_other_length(int(part.lengths[row]), size)
    numbers = part.numbers if fits.all() else part.numbers[np.repeat(fits, part.lengths)]
    vectors = numbers.reshape(int(fits.sum()), size)
    finite = np.isfinite(vectors).all(axis=1)
    reasons[np.flatnonzero(fits)[~finite]] = NOT_FINITE
    return (vectors if finite.all() else vectors[finite]), reasons


def _of_other_length(length: int, size: int) -> str:
    if not size:
        return "its vector is empty"
    return f"its vector has {length} number{'' if length == 1 else 's'}, and the most common length is {size}"


def _ids(parts: list[VectorRows], usable: list[np.ndarray], source: str) -> tuple[np.ndarray, list[str]]:
    """Return the ids of the usable rows, and a note if those in the files could not be used."""
    used = [(part.ids, good) for part, good in zip(parts, usable, strict=True) if good.any()]
    given = [ids.filter(pa.array(good)) for ids, good in used if ids is not None]
    if len(given) == len(used):
        return join_ids(given, source), []
    notes = ["Not every file has a column id: the rows are numbered instead."] if given else []
    return np.flatnonzero(np.concatenate(usable)), notes


def _nothing_usable(source: str, rejected: list[Rejected]) -> str:
    if not rejected:
        return f"{source} holds no usable vector: its files have no rows."
    others = f", and {len(rejected) - 1:,} more" if len(rejected) > 1 else ""
    return f"{source} holds no usable vector ({rejected[0].path}: {rejected[0].reason}{others})."
