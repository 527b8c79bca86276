"""What a finished run reports: the content of ``summary.json``, and a few lines on the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raycluster.runtime.console import Console
from raycluster.runtime.stand_in import deliver
from raycluster.runtime.units import count, duration

if TYPE_CHECKING:
    from raycluster.runtime.run_dir import RunDir

MOST_REASONS = 12


@dataclass(frozen=True)
class RunSummary:
    """The outcome of a finished run; the content of ``summary.json``.

    Attributes
    ----------
    method : str
    images, rejected, clusters : int
        How many images were clustered, how many inputs were rejected, and how many clusters there are.
    seconds : float
        From the first start to the end, not counting the time between a kill and the next start.
    stages : dict of str to float
        Seconds by stage.
    quality : dict
        ``nmi``, ``nmi_geometric``, ``acc`` and ``ari`` of each clustering; empty if no labels are known.
    reported : str
        The clustering that is in ``assignments.parquet``.
    rejected_reasons : dict of str to int
        How often each reason occurred.
    image_warnings : list of str
        Sentences about images in which nothing can be seen.
    health : dict
        The last metrics of the run's health, with ``warnings`` as sentences.
    kmeans_agreement : float or None
        The adjusted Rand index between the clusters and those of plain k-means, with as many clusters on the same
        features; None where it was not computed.
    moved : dict
        Where a set has grown and was clustered again: ``images`` that are in both clusterings, ``changed``, how many of
        them are in another cluster than before, ``added`` and ``removed`` images, ``new`` and ``gone`` clusters.
    comparison : dict
        Where other methods were compared: for each, and for ours, ``clusters``, ``clustered`` (share of the rows that
        are in one), ``silhouette``, ``agreement`` with ours (adjusted Rand index) and ``seconds``.
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
    image_warnings: list[str] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=dict)
    kmeans_agreement: float | None = None
    moved: dict[str, Any] = field(default_factory=dict)
    comparison: dict[str, dict[str, Any]] = field(default_factory=dict)


def show_summary(console: Console, folder: Path, summary: RunSummary) -> None:
    """Say what the run found, how long it took, what was rejected, what to worry about, and where the results are."""
    deliver(folder)
    console.say("\n".join(summary_lines(summary)))
    for warning in [*summary.image_warnings, *summary.health.get("warnings", [])]:
        console.warn(warning)
    page = "; open report.html to see the clusters" if (folder / "report.html").exists() else ""
    console.say(f"All results are in {folder}{page}.")


def repeat_summary(console: Console, run_dir: RunDir, what: str) -> RunSummary:
    """Say that the folder already holds ``what``, show its summary, and return it."""
    summary = run_dir.summary()
    console.say(f"{run_dir.path} already holds this {what}, finished.")
    show_summary(console, run_dir.path, summary)
    return summary


def reason_lines(reasons: dict[str, int]) -> list[str]:
    """Return the reasons of rejections as lines, the most frequent first; of very many, only some."""
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    lines = [f"  {times:,} x {reason}" for reason, times in ordered[:MOST_REASONS]]
    others = sum(times for _, times in ordered[MOST_REASONS:])
    return [*lines, f"  {others:,} for {len(ordered) - MOST_REASONS:,} other reasons"] if others else lines


def summary_lines(summary: RunSummary) -> list[str]:
    """Return what was found, stages and scores, as lines."""
    stages = ", ".join(f"{name.replace('_', ' ')} {duration(seconds)}" for name, seconds in summary.stages.items())
    of = "vector" if summary.method == "gdl" else "image"
    found = f"{summary.method}: {count(summary.images, of)} in {count(summary.clusters, 'cluster')}"
    lines = [f"{found}, {duration(summary.seconds)} ({stages})"]
    if summary.rejected:
        lines.append(f"{count(summary.rejected, 'input')} rejected (rejected.parquet):")
        lines += reason_lines(summary.rejected_reasons)
    if summary.health.get("suggestions"):
        lines.append(n_clusters_sentence(summary.health["suggestions"]))
    if summary.health.get("joined_clusters"):
        joined = count(summary.health["joined_rows"], of)
        lines.append(joined_sentence(summary.health["joined_clusters"], joined))
    lines += [training_sentence(summary.health)] if training_sentence(summary.health) else []
    lines += [moved_sentence(summary.moved)] if summary.moved else []
    lines += [kmeans_sentence(summary.kmeans_agreement)] if summary.kmeans_agreement is not None else []
    lines += comparison_table(summary.comparison) if summary.comparison else []
    return lines + (_quality_table(summary) if summary.quality else [])


def kmeans_sentence(agreement: float) -> str:
    """Say how far plain k-means finds the same clusters."""
    return f"Plain k-means, with as many clusters on the same features, agrees with these to ARI {agreement:.3f}."


def joined_sentence(clusters: int, rows: str) -> str:
    """Say what joined other clusters to make room for larger ones; ``rows`` is their number in words."""
    if clusters == 1:
        return (
            f"1 small cluster of {rows} joined another, to make room for a larger one "
            "(--no-join-small-clusters keeps it)."
        )
    return (
        f"{clusters:,} small clusters of {rows} in all joined others, to make room for larger ones "
        "(--no-join-small-clusters keeps them)."
    )


def training_sentence(health: dict[str, Any]) -> str:
    """Say that training helped, where it did; where it did not, a warning says so."""
    effect = health.get("training", {})
    return f"{effect['sentence'][0].upper()}{effect['sentence'][1:]}." if effect.get("helped") else ""


def comparison_table(compared: dict[str, dict[str, Any]]) -> list[str]:
    """Return the comparison with other methods as lines."""
    lines = [f"{'compared with':<16}{'clusters':>10}{'clustered':>11}{'silhouette':>12}{'ARI to ours':>13}{'time':>14}"]
    for name, row in compared.items():
        time_taken = "" if row["seconds"] is None else duration(row["seconds"])
        lines.append(
            f"{name:<16}{row['clusters']:>10,}{row['clustered']:>11.1%}{row['silhouette']:>12.3f}"
            f"{row['agreement']:>13.3f}{time_taken:>14}"
        )
    return lines


def moved_sentence(moved: dict[str, Any]) -> str:
    """Say what has moved in a set that has grown: images to other clusters, and clusters that came or went."""
    images = f"{moved['changed']:,} of {count(moved['images'], 'image')} changed cluster"
    parts = [f"{count(moved['added'], 'image')} came", f"{moved['removed']:,} went", images]
    parts += [f"new: {_numbers(moved['new'])}"] if moved["new"] else ["no cluster is new"]
    parts += [f"gone: {_numbers(moved['gone'])}"] if moved["gone"] else []
    return f"Since the last time: {', '.join(parts)}. Clusters that go on keep their numbers."


def _numbers(clusters: list[int]) -> str:
    return f"cluster{'s' * (len(clusters) > 1)} {', '.join(map(str, clusters))}"


def n_clusters_sentence(suggestions: list[dict[str, Any]]) -> str:
    """Say how clear the chosen number of clusters is, and name the other plausible ones with their first reasons."""
    chosen, *others = suggestions
    named = [f"{other['n_clusters']:,} ({other['reasons'][0]})" for other in others]
    also = f"; also plausible: {', '.join(named)}" if named else ""
    return f"{count(chosen['n_clusters'], 'cluster')} ({chosen['clear']}){also}"


def _quality_table(summary: RunSummary) -> list[str]:
    width = max(12, *(len(name) + 2 for name in summary.quality))
    title = f"{'clustering':<{width}}{'NMI':>8}{'NMI geo.':>10}{'ACC':>8}{'ARI':>8}"
    rows = [
        f"{name:<{width}}{q['nmi']:>8.3f}{q['nmi_geometric']:>10.3f}{q['acc']:>8.3f}{q['ari']:>8.3f}"
        + ("   in assignments.parquet" if name == summary.reported else "")
        for name, q in summary.quality.items()
    ]
    return [f"{title}   (labels are used for these scores only)", *rows]
