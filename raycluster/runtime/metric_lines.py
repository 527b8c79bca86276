"""Rows of metrics as lines for people."""

from __future__ import annotations

from typing import Any

from raycluster.runtime.units import count, duration, time_left


def start_line(row: dict[str, Any]) -> str:
    """Say how the training runs, and from where it continues."""
    where = f"{count(row['workers'], 'worker')} on {row['device']} with {count(row['threads'], 'thread')} each"
    if not row["continued"]:
        return f"Training on {where}"
    return f"Training continues from the checkpoint at {duration(row['seconds'])}: {where}"


def embedding_line(row: dict[str, Any]) -> str:
    """Say how many images have features, and when all will."""
    parts = [f"{row['images']:,}/{row['of']:,} images", f"{row['images_per_second']:,.0f} images/s"]
    return "  ".join(parts + ([time_left(row["eta"])] if row["eta"] else []))


def epoch_line(row: dict[str, Any]) -> str:
    """Say how an epoch went, when the last one will be done, and that clustering comes next where it does."""
    epochs = f"/{row['epochs']}" if "epochs" in row else ""
    parts = [f"period {row['period'] + 1}"] if "period" in row else []
    parts += [f"epoch {row['epoch']}{epochs}"]
    parts += [f"loss {row['loss']:.4f}"] if row.get("loss") is not None else []
    parts += [f"{row['images_per_second']:,.0f} images/s"] if row.get("images_per_second") else []
    parts += [f"{row['clusters']:,} clusters"] if "clusters" in row else []
    parts += [f"ACC {row['quality']['acc']:.3f}"] if "quality" in row else []
    parts += ["clustering"] if row["epoch"] == row.get("epochs") else []
    parts += [time_left(row["eta"])] if row.get("eta") else []
    return "  ".join(parts)


def clustering_line(row: dict[str, Any], loss: float | None = None) -> str:
    """Say what a clustering found, after which part of the training.

    Parameters
    ----------
    row : dict
    loss : float, optional
        Of the epoch before it.
    """
    place = next((f"{name} {row[name]}" for name in ("period", "epoch") if name in row), "training")
    done = "before training" if row.get("period") == 0 else f"{place} done"
    parts = [f"{done} ({row['clustering']})"]
    parts += [f"loss {loss:.4f}"] if loss is not None else []
    parts += [f"{row['clusters']:,} clusters"]
    parts += [f"({', '.join(map(str, row['alternatives']))} would fit, too)"] if row.get("alternatives") else []
    parts += [f"{row['neighbor_recall']:.1%} of the neighbors found"] if row.get("neighbor_recall", 1) < 1 else []
    if "quality" in row:
        parts += [f"NMI {row['quality']['nmi']:.3f}", f"ACC {row['quality']['acc']:.3f}"]
    times = (("graph_seconds", "graph"), ("merge_seconds", "merging"))
    parts += [f"{title} {duration(row[name])}" for name, title in times if name in row]
    return "  ".join(parts)
