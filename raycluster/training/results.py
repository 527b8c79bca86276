"""The end of a run: every row is counted, the last files are written, and what was done is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from raycluster.evaluate.metrics import clustering_quality
from raycluster.report.page import report_page
from raycluster.training.progress import Clock, Say, duration
from raycluster.training.run_dir import RunDir, RunSummary

if TYPE_CHECKING:
    from raycluster.data.images import ImageSet


def finish(
    run_dir: RunDir, method: str, images: ImageSet, workers: int, found: dict[str, Any], clock: Clock
) -> RunSummary:
    """Check that every row is there, write the remaining files, and the summary last.

    Parameters
    ----------
    run_dir : RunDir
        Where the workers have written their embeddings and the model.
    method : str
    images : ImageSet
    workers : int
    found : dict
        What :func:`raycluster.training.worker.train_worker` returned.
    clock : Clock
    """
    if not np.array_equal(np.sort(run_dir.embedded_ids(workers)), images.ids):
        raise RuntimeError("not every image was embedded exactly once")
    for name, clustering in found["clusterings"].items():
        if clustering.shape != (images.n,):
            raise RuntimeError(f"the clustering {name} has {len(clustering)} rows for {images.n} images")
    clusters = found["clusterings"][found["reported"]]
    run_dir.write_assignments(images.ids, images.paths, clusters, found["confidence"], images.labels)
    if found["merges"] is not None:
        run_dir.write_merges(found["merges"])
    quality = {}
    if images.labels is not None:
        quality = {name: clustering_quality(images.labels, c) for name, c in found["clusterings"].items()}
    clock.lap("writing")
    summary = RunSummary(
        method=method,
        images=images.n,
        rejected=len(images.rejected),
        clusters=len(np.unique(clusters)),
        seconds=round(sum(clock.stages.values()), 2),
        stages={stage: round(seconds, 2) for stage, seconds in clock.stages.items()},
        quality=quality,
        reported=found["reported"],
        rejected_reasons=dict(Counter(rejected.reason for rejected in images.rejected).most_common()),
        health=run_dir.health(),
    )
    page = report_page(asdict(summary), run_dir.rows(), clusters, found["confidence"], images.take)
    run_dir.write_report(page)
    run_dir.write_summary(summary)
    return summary


def tell(run_dir: RunDir, summary: RunSummary) -> str:
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
    shown = ", report.html shows the clusters" if (run_dir.path / "report.html").exists() else ""
    return "\n".join([*lines, f"All results are in {run_dir.path}{shown}."])


def tell_again(run_dir: RunDir, what: str, say: Say) -> RunSummary:
    """Say that the folder holds ``what``, tell of it, and return its summary."""
    summary = run_dir.summary()
    say(f"{run_dir.path} holds this {what}")
    say(tell(run_dir, summary))
    return summary
