"""Known classes, for reporting only: from the names of folders, or from labels in the files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Literal

import numpy as np

UNKNOWN = -1

FolderLevel = Literal["folders", "last-folders"]


def folder_labels(names: list[str], which: FolderLevel = "folders") -> tuple[np.ndarray, list[str], list[str]]:
    """Assign a number to each folder, in the order of their names.

    Parameters
    ----------
    names : list of str
        File names relative to the source; a file that is not in a folder has no label. Absolute ones, from a list of
        files, are taken relative to the folder that all of them are below.
    which : {"folders", "last-folders"}
        The folder just below the source that a file is in, or the one that directly contains it.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
    class_names : list of str
    notes : list of str
        Which folders were taken, where there was a choice.
    """
    names = _below_a_common_folder(names)
    first = [name.split("/")[0] if "/" in name else "" for name in names]
    last = [os.path.basename(os.path.dirname(name)) for name in names]
    folders, others = (first, last) if which == "folders" else (last, first)
    class_names = sorted(set(folders) - {""})
    number = {folder: i for i, folder in enumerate(class_names)} | {"": UNKNOWN}
    notes = []
    if first != last:
        here, other = len(class_names), len(set(others) - {""})
        notes.append(
            f"Known classes are the {here:,} folders just below the source; for the {other:,} folders that directly "
            "contain the files, set labels to last-folders."
            if which == "folders"
            else f"Known classes are the {here:,} folders that directly contain the files; for the {other:,} folders "
            "just below the source, set labels to folders."
        )
    return np.array([number[folder] for folder in folders], np.int64), class_names, notes


def _below_a_common_folder(names: list[str]) -> list[str]:
    absolute = [name for name in names if os.path.isabs(name)]
    if not absolute:
        return names
    common = os.path.commonpath([os.path.dirname(name) for name in absolute])
    return [os.path.relpath(name, common) if os.path.isabs(name) else name for name in names]


def classes_of_texts(texts: Sequence[str | None]) -> np.ndarray:
    """Return classes as integers (-1 where unknown) if all of them are, otherwise as texts (None where unknown)."""
    with contextlib.suppress(ValueError, OverflowError):
        return np.array([UNKNOWN if text is None else int(text) for text in texts], np.int64)
    return np.array(texts, dtype=object)


def join_labels(parts: list[np.ndarray | None], counts: list[int]) -> tuple[np.ndarray | None, list[str] | None]:
    """Join the labels of several files: -1 for the images of a file without labels, None if no file has any.

    Negative numbers, null and NaN stand for unknown classes and become -1.

    Parameters
    ----------
    parts : list of (ndarray of shape (count,), or None)
        Integers, or anything else, which is then converted to text and numbered in alphabetical order.
    counts : list of int

    Returns
    -------
    labels : ndarray of int64, shape (sum of counts,), or None
    class_names : list of str, or None where classes already were numbers
    """
    if all(part is None for part in parts):
        return None, None
    if all(part is None or part.dtype.kind in "iu" for part in parts):
        joined = [np.full(count, UNKNOWN) if part is None else part for part, count in zip(parts, counts, strict=True)]
        return np.maximum(np.concatenate(joined).astype(np.int64), UNKNOWN), None
    texts = [
        None if label is None or label != label else str(label)  # NaN is not equal to itself
        for part, count in zip(parts, counts, strict=True)
        for label in ([None] * count if part is None else part)
    ]
    class_names = sorted({text for text in texts if text is not None})
    number: dict[str | None, int] = {name: i for i, name in enumerate(class_names)} | {None: UNKNOWN}
    return np.array([number[text] for text in texts], np.int64), class_names
