"""``report.html``: one page without a server, scripts or links."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from raycluster.report.contact_sheet import contact_sheet, examples
from raycluster.report.k_section import k_section, typical_rows
from raycluster.report.svg import polyline
from raycluster.runtime.summary import kmeans_sentence, moved_sentence, training_sentence

MAX_CLUSTERS = 200
TYPICAL, UNCERTAIN = 16, 8

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse } td, th { padding: .2em 1em .2em 0; text-align: right } th { font-weight: 600 }
td:first-child, th:first-child { text-align: left }
section { margin: 1.2em 0 } h2 { font-size: 1.05em; margin: 0 } img { display: block; margin: .2em 0; max-width: 100% }
.warning { background: #fff3d6; padding: .5em 1em } .pair { display: flex; gap: 2em; flex-wrap: wrap }
small { color: #666 }
"""


def report_page(
    summary: dict[str, Any],
    metrics: list[dict[str, Any]],
    assignments: np.ndarray,
    confidence: np.ndarray,
    read_pictures: Callable[[np.ndarray], list[bytes | None]],
) -> str:
    """Return the page: what was done, how training went, and every cluster with its typical and its uncertain images.

    Parameters
    ----------
    summary : dict
        The content of ``summary.json``.
    metrics : list of dict
        The lines of ``metrics.jsonl``.
    assignments : ndarray of int32, shape (n,)
    confidence : ndarray of float32, shape (n,)
    read_pictures : callable
        Takes rows int64 [m] and returns thumbnails as PNG or JPEG files, None where there is none.

    Returns
    -------
    html : str
    """
    sizes = np.bincount(assignments)
    in_use = np.count_nonzero(sizes)
    shown = np.argsort(-sizes, kind="stable")[: min(in_use, MAX_CLUSTERS)]
    typical = examples(assignments, confidence, TYPICAL)
    uncertain = examples(assignments, confidence, UNCERTAIN, least=True)
    merging = np.array(typical_rows(summary["health"]), np.int64)
    rows = np.unique(np.concatenate([merging, *(chosen[c] for chosen in (typical, uncertain) for c in shown)]))
    pictures = dict(zip(rows.tolist(), read_pictures(rows), strict=True))

    def sheet(chosen: np.ndarray) -> str:
        picture = contact_sheet([[pictures[row] for row in chosen.tolist()]])
        file = io.BytesIO()
        picture.save(file, "PNG")
        return f'<img alt="" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'

    certainty = np.bincount(assignments, weights=confidence) / np.maximum(sizes, 1)
    sections = [
        f"<section><h2>Cluster {c}: {sizes[c]:,} images <small>mean confidence {certainty[c]:.2f}</small></h2>"
        f"<div class=pair><div><small>typical</small>{sheet(typical[c])}</div>"
        f"<div><small>least certain</small>{sheet(uncertain[c])}</div></div></section>"
        for c in shown
    ]
    if in_use > len(shown):
        sections.append(f"<p>{in_use - len(shown)} smaller clusters are not shown.</p>")
    texts = [*summary.get("image_warnings", []), *summary["health"].get("warnings", [])]
    warnings = [f"<p class=warning>{html.escape(text)}</p>" for text in texts]
    agreement = summary.get("kmeans_agreement")
    title = f"{summary['images']:,} images in {summary['clusters']} clusters"
    return "\n".join(
        [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>",
            f"<h1>{title}</h1>",
            f"<p>{html.escape(summary['method'])}, {summary['seconds']:.0f} seconds, "
            f"{summary['rejected']:,} inputs rejected (see rejected.parquet).</p>",
            _reasons(summary.get("rejected_reasons") or {}),
            *warnings,
            _paragraph(moved_sentence(summary["moved"]) if summary.get("moved") else ""),
            _paragraph(training_sentence(summary["health"])),
            _paragraph(kmeans_sentence(agreement) if agreement is not None else ""),
            k_section(summary["health"], lambda row: sheet(np.array([row]))),
            _quality_table(summary.get("quality") or {}, summary.get("reported", "")),
            _loss_curve([row for row in metrics if row.get("loss") is not None]),
            *sections,
            "</html>\n",
        ]
    )


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>" if text else ""


def _reasons(rejected: dict[str, int]) -> str:
    if not rejected:
        return ""
    rows = "".join(f"<tr><td>{html.escape(reason)}</td><td>{n:,}</td></tr>" for reason, n in rejected.items())
    return f"<table><tr><th>why inputs were rejected</th><th>how many</th></tr>{rows}</table>"


def _quality_table(quality: dict[str, dict[str, float]], reported: str) -> str:
    if not quality:
        return ""
    scores = list(next(iter(quality.values())))
    head = "".join(f"<th>{score}</th>" for score in ["compared with known labels", *scores])
    body = "".join(
        f"<tr><td>{name}{' (shown here)' * (name == reported)}</td>"
        + "".join(f"<td>{values[score]:.3f}</td>" for score in scores)
        + "</tr>"
        for name, values in quality.items()
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _loss_curve(epochs: list[dict[str, Any]], width: int = 600, height: int = 120) -> str:
    if len(epochs) < 2:
        return ""
    losses = [row["loss"] for row in epochs]
    jumps = "; it jumps where clusters merge" if "period" in epochs[0] else ""
    top = max(losses) or 1.0
    points = [(i * width / (len(losses) - 1), height - loss / top * (height - 4)) for i, loss in enumerate(losses)]
    return (
        f"<p><small>loss by epoch, from {losses[0]:.4f} to {losses[-1]:.4f}{jumps}</small></p>"
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">{polyline(points)}</svg>'
    )
