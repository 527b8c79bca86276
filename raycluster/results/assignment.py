"""What assignments of images and of vectors share: how rows get clusters, the table, and the summary."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import Listing, printable
from raycluster.data.unreadable import Rejected
from raycluster.graph.neighbors.nearest import default_n_neighbors
from raycluster.metrics.quality import clustering_quality
from raycluster.options import AssignOptions
from raycluster.results.provenance import existing_result, write_table
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import deliver, shown
from raycluster.runtime.summary import reason_lines
from raycluster.runtime.units import count, duration

UNLIKE = "like nothing the run has seen"


@dataclass(frozen=True)
class AssignSummary:
    """What was done.

    Attributes
    ----------
    images, assigned, refused, rejected : int
        ``images``, or vectors, is the sum of the others.
    clusters : int
        How many clusters of the run got one.
    farthest : float or None
        The distance to the nearest row of the run, above which rows were refused; None where none were to be.
    seconds : float
    stages : dict of str to float
        Seconds a stage.
    quality : dict
        Where classes are known, scores of the ``assigned`` images, and of ``all`` readable ones as if none had been
        refused.
    reasons : dict of str to int
        Why inputs were rejected, and how often.
    what : str
        ``image`` or ``vector``.
    """

    images: int
    assigned: int
    refused: int
    rejected: int
    clusters: int
    farthest: float | None
    seconds: float
    stages: dict[str, float]
    quality: dict[str, dict[str, float]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    what: str = "image"


class Assignments(NamedTuple):
    """What was found for each usable row: cluster int32 [n], confidence and novelty float32 [n]."""

    clusters: np.ndarray
    confidence: np.ndarray
    novelty: np.ndarray


@dataclass(frozen=True)
class Assignment:
    """One call: what goes where, and all that decides the result.

    Attributes
    ----------
    run : Path
        The folder of the run.
    out : Path
    what : str
        ``image`` or ``vector``.
    refuse_above : float
        As in :class:`raycluster.options.AssignOptions`.
    identity : dict
    clock : Clock
    console : Console
    """

    run: Path
    out: Path
    what: str
    refuse_above: float
    identity: dict[str, Any]
    clock: Clock
    console: Console

    def done_before(self) -> AssignSummary | None:
        """Return, and tell, what the same command has found before; None if it has not been run yet."""
        saved = existing_result(self.out, "assignment", self.identity)
        if saved is None:
            return None
        summary = AssignSummary(**saved)
        self.console.say(f"{self.out} already holds this assignment.")
        self.console.say(describe_assignment(summary, self.run, self.out))
        return summary

    def refuses(self, found: Assignments) -> np.ndarray:
        """Return which rows stay unassigned, bool [n]."""
        refused: np.ndarray = found.novelty > self.refuse_above
        return refused

    def write(
        self, table: pa.Table, found: Assignments, rejected: list[Rejected], labels: np.ndarray | None, reach: float
    ) -> AssignSummary:
        """Write the table of all rows with its summary, and tell it.

        Parameters
        ----------
        table : Table
        found : Assignments
        rejected : list of Rejected
        labels : ndarray of int64, shape (n,), or None
        reach : float
            The distance that has a novelty of 1.
        """
        if len(table) != len(found.clusters) + len(rejected):
            raise RuntimeError(f"{len(found.clusters)} rows and {len(rejected)} rejected ones became {len(table)}")
        why = [row.reason for row in rejected]
        is_refused, farthest = self.refuses(found), self.refuse_above * reach
        self.clock.lap("writing")
        summary = AssignSummary(
            images=len(table),
            assigned=int((~is_refused).sum()),
            refused=int(is_refused.sum()),
            rejected=len(rejected),
            clusters=len(np.unique(found.clusters[~is_refused])),
            farthest=None if np.isinf(farthest) else round(farthest, 6),
            **self.clock.figures(),
            quality=_quality(labels, found.clusters, is_refused),
            reasons={reason: why.count(reason) for reason in sorted(set(why), key=why.count, reverse=True)},
            what=self.what,
        )
        write_table(self.out, table, {"what": "assignment", "identity": self.identity, "summary": asdict(summary)})
        deliver(self.out)
        self.console.say(describe_assignment(summary, self.run, self.out))
        return summary


def columns_of(found: Assignments, is_refused: np.ndarray, rejected: list[Rejected]) -> dict[str, np.ndarray]:
    """Return ``cluster``, ``confidence`` and ``reason`` of the usable rows, followed by those of the rejected ones."""
    m = len(rejected)
    far = np.full(len(is_refused), "", object)
    far[is_refused] = [f"{UNLIKE} (novelty {novelty:.2f})" for novelty in found.novelty[is_refused]]
    why = np.array([f"rejected: {row.reason}" for row in rejected], object)
    return {
        "cluster": np.append(np.where(is_refused, -1, found.clusters), np.full(m, -1)).astype(np.int32),
        "confidence": np.append(np.where(is_refused, 0, found.confidence), np.zeros(m)).astype(np.float32),
        "reason": np.append(far, why),
    }


def describe_assignment(summary: AssignSummary, run: Path, out: Path) -> str:
    """Say how many images were assigned, which were not, how long it took, and where the rows are."""
    stages = ", ".join(f"{name} {duration(seconds)}" for name, seconds in summary.stages.items())
    inputs, clusters = count(summary.images, summary.what), count(summary.clusters, "cluster")
    lines = [
        f"{summary.assigned:,} of {inputs} assigned to {clusters} of {run}, {duration(summary.seconds)} ({stages})",
    ]
    if summary.refused:
        lines.append(
            f"{summary.refused:,} unassigned: their nearest {summary.what} of the run is farther than "
            f"{summary.farthest:.4g}"
        )
    if summary.rejected:
        lines.append(f"{count(summary.rejected, 'input')} rejected:")
        lines += reason_lines(summary.reasons)
    titles = {
        "assigned": f"assigned {summary.what}s",
        "all": f"all readable {summary.what}s, as if every one had been assigned",
    }
    lines += [
        f"ACC {scores['acc']:.3f}  NMI {scores['nmi']:.3f}  ARI {scores['ari']:.3f}  on {titles[which]}"
        for which, scores in summary.quality.items()
    ]
    return "\n".join([*lines, f"All rows are in {out}."])


def _quality(labels: np.ndarray | None, clusters: np.ndarray, refused: np.ndarray) -> dict[str, dict[str, float]]:
    if labels is None:
        return {}
    groups = {"assigned": ~refused, "all": np.ones(len(refused), bool)}
    return {
        name: clustering_quality(labels[which], clusters[which])
        for name, which in groups.items()
        if (labels[which] >= 0).any()
    }


def n_neighbors_of(run_dir: RunDir, n: int) -> int:
    """Return K_s of a run with n rows."""
    return run_dir.config()["identity"].get("n_neighbors") or default_n_neighbors(n)


def identity_of(options: AssignOptions, run_dir: RunDir, data: str, listing: Listing) -> dict[str, Any]:
    """Return everything that affects the result."""
    files = [[printable(name) for name in listing.names], listing.sizes, listing.modified]
    return {
        "model": shown(str(run_dir.path.resolve())),
        "data": public_name(data),
        "refuse_above": f"{options.refuse_above:g}",
        "labels": options.labels,
        **options.reading.unusual(),
        "the run": hashlib.sha256((run_dir.path / "summary.json").read_bytes()).hexdigest(),
        "the images": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
    }
