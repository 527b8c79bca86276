"""Metrics as they come: a JSON object a line, TensorBoard, and sentences on the terminal."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from raycluster.runtime.clock import duration
from raycluster.runtime.metrics_log import _numbers

Say = Callable[[str], None]

# Without the flush, nothing is seen of a run whose output goes to a file until it ends.
print_now = functools.partial(print, flush=True)


def describe(row: dict[str, Any]) -> str:
    """Say a row of metrics in one line, with a line more for each warning."""
    writers: dict[str, Callable[[dict[str, Any]], list[str]]] = {"epoch": _epoch, "period": _period, "start": _start}
    parts = writers.get(row.get("kind", ""), _other)(row)
    return "\n".join(["  ".join(parts), *(f"  warning: {warning}" for warning in row.get("warnings", []))])


def _epoch(row: dict[str, Any]) -> list[str]:
    epochs = f"/{row['epochs']}" if "epochs" in row else ""
    period = f"period {row['period'] + 1}, " if "period" in row else ""
    parts = [f"{period}epoch {row.get('epoch', 0)}{epochs}"]
    parts += [f"loss {row['loss']:.4f}"] if row.get("loss") is not None else []
    parts += [f"{row['images_per_second']:,.0f} images/s"] if row.get("images_per_second") else []
    parts += [f"{row['clusters']:,} clusters"] if "clusters" in row else []
    parts += [f"ACC {row['quality']['acc']:.3f}"] if "quality" in row else []
    return parts + ([f"about {duration(row['eta'])} left"] if row.get("eta") else [])


def _period(row: dict[str, Any]) -> list[str]:
    clustering = f" ({row['clustering']})" if "clustering" in row else ""
    period = f"period {row['period']} " if "period" in row else ""
    parts = [f"{period}done{clustering}", f"{row['clusters']:,} clusters"]
    parts += [f"or {', '.join(map(str, row['alternatives']))}"] if row.get("alternatives") else []
    parts += [f"{row['neighbor_recall']:.1%} of the neighbours found"] if row.get("neighbor_recall", 1) < 1 else []
    parts += [
        f"{title} {row['quality'][name]:.3f}" for name, title in (("nmi", "NMI"), ("acc", "ACC")) if row.get("quality")
    ]
    parts += [
        f"{title} {duration(row[name])}"
        for name, title in (("graph_seconds", "graph"), ("merge_seconds", "merging"))
        if name in row
    ]
    return parts + ([f"about {duration(row['eta'])} left"] if row.get("eta") else [])


def _start(row: dict[str, Any]) -> list[str]:
    where = f"{row['workers']} worker(s) on {row['device']}, {row['threads']} thread(s) each"
    if not row["continued"]:
        return [f"training began: {where}"]
    return [f"training goes on from the checkpoint of {duration(row['seconds'])} into the run: {where}"]


def _other(row: dict[str, Any]) -> list[str]:
    return [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in _numbers(row)]
