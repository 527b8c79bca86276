"""What a finished run reports: the content of ``summary.json``, and the same in a few lines for the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raycluster.runtime.clock import duration
from raycluster.runtime.console import Say

if TYPE_CHECKING:
    from raycluster.runtime.run_dir import RunDir


@dataclass(frozen=True)
class RunSummary:
    """What a finished run has to say for itself; the content of ``summary.json``.

    Attributes
    ----------
    method : str
    images, rejected, clusters : int
        How many images were clustered, how many inputs were set aside, and how many clusters there are.
    seconds : float
        From the first start to the end, without the time between a kill and the next start.
    stages : dict of str to float
        Seconds a stage.
    quality : dict
        For each clustering ``nmi``, ``nmi_geometric``, ``acc``, ``ari``; empty where no labels are known.
    reported : str
        The one of them that is in ``assignments.parquet``.
    rejected_reasons : dict of str to int
        How often each reason occurred.
    health : dict
        The last word of the metrics on it, ``warnings`` in sentences among them.
    """

    method: str
    images: int
    rejected: int
    clusters: int
    seconds: float
    stages: dict[str, float]
    quality: dict[str, dict[str, float]] = field(default_factory=dict)
    reported: str = ""
    rejected_reasons: dict[str, int] = field(default_factory=dict)
    health: dict[str, Any] = field(default_factory=dict)


def describe_summary(folder: Path, summary: RunSummary) -> str:
    """Say in a few lines what was done, where it lies, how long it took and what was set aside."""
    stages = ", ".join(f"{name.replace('_', ' ')} {duration(seconds)}" for name, seconds in summary.stages.items())
    what = "vectors" if summary.method == "gdl" else "images"
    images = f"{summary.method}: {summary.images:,} {what} in {summary.clusters} clusters"
    lines = [f"{images}, {duration(summary.seconds)} ({stages})"]
    if summary.rejected:
        lines.append(f"{summary.rejected:,} input(s) were set aside (rejected.parquet):")
        lines += [f"  {count:,} x {reason}" for reason, count in summary.rejected_reasons.items()]
    if summary.health.get("alternatives"):
        lines.append(f"Other numbers of clusters that fit: {', '.join(map(str, summary.health['alternatives']))}")
    if summary.quality:
        width = max(12, *(len(name) + 2 for name in summary.quality))
        lines.append(
            f"{'clustering':<{width}}{'NMI':>8}{'NMI geo.':>10}{'ACC':>8}{'ARI':>8}   (labels served for this only)"
        )
        lines += [
            f"{name:<{width}}{q['nmi']:>8.3f}{q['nmi_geometric']:>10.3f}{q['acc']:>8.3f}{q['ari']:>8.3f}"
            + ("   in assignments.parquet" if name == summary.reported else "")
            for name, q in summary.quality.items()
        ]
    lines += [f"warning: {warning}" for warning in summary.health.get("warnings", [])]
    shown = ", report.html shows the clusters" if (folder / "report.html").exists() else ""
    return "\n".join([*lines, f"All results are in {folder}{shown}."])


def repeat_summary(run_dir: RunDir, what: str, say: Say) -> RunSummary:
    """Say that the folder holds ``what``, tell of it, and return its summary."""
    summary = run_dir.summary()
    say(f"{run_dir.path} holds this {what}")
    say(describe_summary(run_dir.path, summary))
    return summary
