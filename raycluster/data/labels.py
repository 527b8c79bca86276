"""Known classes, for reporting only: from the names of folders, or from labels in the files."""

from __future__ import annotations

import os

import numpy as np

UNKNOWN = -1


def folder_labels(names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Assign a number to each folder that directly contains files, in the order of their names.

    Parameters
    ----------
    names : list of str
        File names relative to the source; a file that is not in a folder has no label.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
    class_names : list of str
    """
    folders = [os.path.basename(os.path.dirname(name)) for name in names]
    class_names = sorted(set(folders) - {""})
    number = {folder: i for i, folder in enumerate(class_names)} | {"": UNKNOWN}
    return np.array([number[folder] for folder in folders], np.int64), class_names


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
