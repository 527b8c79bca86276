"""What a page shows of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from raycluster.graph.tree import MergeTree

# Takes rows int64 [m], ascending, and the longest side wanted; returns PNG or JPEG files, None where there is none.
ReadPictures = Callable[[np.ndarray, int], "list[bytes | None]"]


@dataclass(frozen=True)
class RunContent:
    """A run as its page shows it. Rows are those of ``assignments.parquet``, in the same order.

    Attributes
    ----------
    name : str
        What the run is called: its folder.
    summary, config : dict
        The contents of ``summary.json`` and ``config.json``.
    ids : ndarray of int64, uint64 or str objects, shape (n,)
    paths : list of str, length n
    vectors : ndarray of float32, shape (n, d)
        As they were clustered.
    clusters : ndarray of int32, shape (n,)
    confidence : ndarray of float32, shape (n,)
    labels : ndarray of int64, shape (n,), or None
        Known classes, -1 where unknown.
    class_names : list of str, or None
        The names of the classes, where they have names.
    tree : MergeTree, or None
        None for methods that make no tree.
    metrics : list of dict
        The lines of ``metrics.jsonl``.
    read_pictures : callable, or None
        None where there are only vectors.
    neighbors : (ndarray of int32, ndarray of float32), or None
        Nearest first, and their squared distances, both [n, k]; searched for if None.
    """

    name: str
    summary: dict[str, Any]
    config: dict[str, Any]
    ids: np.ndarray
    paths: list[str]
    vectors: np.ndarray
    clusters: np.ndarray
    confidence: np.ndarray
    labels: np.ndarray | None = None
    class_names: list[str] | None = None
    tree: MergeTree | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)
    read_pictures: ReadPictures | None = None
    neighbors: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def suggestions(self) -> list[dict[str, Any]]:
        """The plausible numbers of clusters, the chosen one first (:func:`raycluster.graph.counting.outcomes`)."""
        return list(self.summary["health"].get("suggestions", []))
