"""What a page that is already written is given afterwards: names of clusters, and the cut to show."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import numpy as np

from raycluster.report.page_data import as_json

GENERATOR = '<meta name="generator" content="raycluster page 1">'
GIVEN = re.compile(r'(<script type="application/json" id="given">)[^<]*(</script>)')
TREE = re.compile(r'<script type="application/json" id="tree">([^<]*)</script>')


def is_page(text: str) -> bool:
    """Return whether a file is a page that can be given something."""
    return GENERATOR in text[:4096]


def offered_by(text: str) -> list[int]:
    """Return the numbers of clusters that a page offers."""
    found = TREE.search(text)
    return list(json.loads(found[1])["numbers"]) if found else []


def clusters_at(text: str, n_clusters: int) -> set[int]:
    """Return the numbers of the clusters that a page shows at a number of clusters that it offers."""
    found = TREE.search(text)
    if found is None:
        return set()
    data = json.loads(found[1])
    changes = np.frombuffer(zlib.decompress(base64.b64decode(data["clusters"])), "<i4")
    clusters = changes.reshape(len(data["numbers"]), -1)[: data["numbers"].index(n_clusters) + 1].sum(axis=0)
    return set(clusters.tolist())


def given_to(text: str) -> dict[str, Any]:
    """Return what a page was given before."""
    found = GIVEN.search(text)
    return dict(json.loads(found[0].removeprefix(found[1]).removesuffix(found[2]))) if found else {}


def with_given(text: str, given: dict[str, Any]) -> str:
    """Return a page with something else given to it.

    Parameters
    ----------
    text : str
    given : dict
        ``names``, the content of a file that the page has saved, and ``shown``, the number of clusters to show first.
    """
    content = as_json(given)
    return GIVEN.sub(lambda found: f"{found[1]}{content}{found[2]}", text, count=1)
