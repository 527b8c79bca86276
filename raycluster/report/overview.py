"""What a page says about a run as a whole, in words and tables."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from raycluster.report.arrangement import Arrangement
from raycluster.report.content import RunContent
from raycluster.report.page_data import are_cosines
from raycluster.runtime.summary import (
    joined_sentence,
    kmeans_sentence,
    moved_sentence,
    training_sentence,
)
from raycluster.runtime.units import count, duration

METHODS = {
    "jule": "JULE, which learns a representation and clusters in turn",
    "dccm": "DCCM, deep comprehensive correlation mining",
    "concurl": "ConCURL, clustering by consensus",
    "pretrained": "Features of a pretrained network, clustered by graph degree linkage",
    "gdl": "Vectors, clustered by graph degree linkage",
}
SCORES = {"nmi": "NMI", "nmi_geometric": "NMI, geometric", "acc": "ACC", "ari": "ARI"}
NEAREST = 3  # clusters named beside one, where there is no tree
UNTOLD = ("method", "data", "embeddings", "backbone", "clusters", "seed")  # by their own lines


def overview_data(content: RunContent, arranged: Arrangement, token: str, part_size: int) -> dict[str, Any]:
    """Return what the page says above and beside the images.

    Parameters
    ----------
    content : RunContent
    arranged : Arrangement
    token : str
        What the files beside the page are known by; empty if there are none.
    part_size : int
        Rows in each of these files.
    """
    summary, health = content.summary, content.summary["health"]
    noun = "image" if content.read_pictures else "vector"
    return {
        "name": content.name,
        "title": f"{count(summary['images'], noun)} in {count(summary['clusters'], 'cluster')}",
        "noun": noun,
        "images": len(content.ids),
        "clusters": summary["clusters"],
        "rejected": summary["rejected"],
        "facts": facts(content),
        "settings": [[name, value] for name, value in settings(content)],
        "warnings": [*summary.get("image_warnings", []), *health.get("warnings", [])],
        "reasons": [[reason, times] for reason, times in summary.get("rejected_reasons", {}).items()],
        "sentences": sentences(summary, noun),
        "quality": quality(summary),
        "comparison": comparison(summary.get("comparison") or {}),
        "suggestions": [suggestion(one, arranged) for one in content.suggestions],
        "classes": content.class_names,
        "hasLabels": content.labels is not None,
        "hasPictures": content.read_pictures is not None,
        "hasTree": content.tree is not None,
        "nearest": nearest_clusters(content) if content.tree is None else {},
        "similarity": "cosine" if are_cosines(content.vectors) else "distance",
        "token": token,
        "partSize": part_size,
        "outliers": arranged.outliers.tolist(),
        "duplicates": [rows.tolist() for rows in arranged.duplicates],
    }


def facts(content: RunContent) -> list[tuple[str, str]]:
    """Return what was done, as pairs of a name and a value."""
    summary, identity = content.summary, content.config.get("identity", {})
    asked, today = identity.get("clusters"), datetime.date.today()
    version = content.config.get("versions", {}).get("raycluster")
    found = [
        ("Images" if "data" in identity else "Vectors", str(identity.get("data") or identity.get("embeddings") or "")),
        ("Method", METHODS.get(summary["method"], summary["method"])),
        ("Network", str(identity.get("backbone") or "")),
        ("Number of clusters", "chosen by the run" if asked == "auto" else "given" if asked else ""),
        (
            "Rejected",
            f"{count(summary['rejected'], 'input')}, listed in rejected.parquet" if summary["rejected"] else "",
        ),
        ("Time", duration(summary["seconds"])),
        ("Seed", str(identity.get("seed", ""))),
        ("Written", f"{today:%B} {today.day}, {today.year}" + (f", by raycluster {version}" if version else "")),
    ]
    return [(name, value) for name, value in found if value]


def settings(content: RunContent) -> list[tuple[str, str]]:
    """Return the settings of the run, but those that :func:`facts` names."""
    identity = content.config.get("identity", {})
    return [
        (name.replace("_", " "), "default" if value is None else str(value))
        for name, value in identity.items()
        if name not in UNTOLD
    ]


def sentences(summary: dict[str, Any], noun: str) -> list[str]:
    """Return what else there is to say; the rows are called by ``noun``."""
    found, health = [], summary["health"]
    if health.get("joined_clusters"):
        found.append(joined_sentence(health["joined_clusters"], count(health["joined_rows"], noun)))
    found += [sentence for sentence in [training_sentence(health)] if sentence]
    if summary.get("moved"):
        found.append(moved_sentence(summary["moved"]))
    if summary.get("kmeans_agreement") is not None:
        found.append(kmeans_sentence(summary["kmeans_agreement"]))
    return found


def quality(summary: dict[str, Any]) -> list[list[str]]:
    """Return the scores against known classes as the rows of a table, the names of the columns first."""
    scored = summary.get("quality") or {}
    if not scored:
        return []
    names = [name for name in SCORES if name in next(iter(scored.values()))]
    rows = [
        [f"{which} (shown here)" if which == summary.get("reported") else which]
        + [f"{values[name]:.3f}" for name in names]
        for which, values in scored.items()
    ]
    return [["clustering", *(SCORES[name] for name in names)], *rows]


def comparison(compared: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return the comparison with other methods as the rows of a table, the names of the columns first."""
    if not compared:
        return []
    rows = [
        [
            name,
            f"{row['clusters']:,}",
            f"{row['clustered']:.1%}",
            f"{row['silhouette']:.3f}",
            f"{row['agreement']:.3f}",
            "" if row["seconds"] is None else duration(row["seconds"]),
        ]
        for name, row in compared.items()
    ]
    return [["method", "clusters", "clustered", "silhouette", "ARI to ours", "time"], *rows]


def suggestion(one: dict[str, Any], arranged: Arrangement) -> dict[str, Any]:
    """Return a plausible number of clusters, with the rows of its examples as those of the page."""
    merges = [
        [{"size": part["size"], "row": int(arranged.place[part["row"]])} for part in parts] for parts in one["merges"]
    ]
    return one | {"merges": merges}


def nearest_clusters(content: RunContent) -> dict[int, list[int]]:
    """Return the clusters whose means are nearest to that of each cluster, for runs without a tree."""
    numbers, cluster, sizes = np.unique(content.clusters, return_inverse=True, return_counts=True)
    order = np.argsort(cluster, kind="stable")
    starts = np.cumsum(sizes) - sizes
    parts = np.split(order, starts[1:])
    means = np.stack([content.vectors[rows].mean(axis=0, dtype=np.float64) for rows in parts])
    squares = (means**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * means @ means.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, : min(NEAREST, len(numbers) - 1)]
    return {int(number): numbers[row].tolist() for number, row in zip(numbers, nearest, strict=True)}
