"""``raycluster cluster``: cluster images by the features of a pretrained network, or vectors."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import ClusterOptions
from raycluster.runtime.console import Console

ABOUT = """Cluster images by the features of a pretrained network, or vectors.

Examples:
  raycluster cluster photos/ --out runs/photos            find their number, too
  raycluster cluster photos/ --clusters 20 --out runs/photos-20
  raycluster cluster photos/ --backbone resnet50 --weights resnet50.pth \\
      --out runs/resnet
  raycluster cluster --embeddings runs/photos/embeddings --clusters 12 --out c12
  raycluster cluster --embeddings features.npy --out clusters

Results: the run folder holds the clusters (assignments.parquet), the merge
  tree (merges.parquet) to cut at any other number, what was rejected and why
  (rejected.parquet), and the scores (summary.json); of images also their
  embeddings, the network (model/), and a page to look at (report.html).

Again: the same command continues after an interruption. When images were
  added, it embeds only these, clusters all, and says what has moved."""


def run(values: Values, console: Console) -> None:
    """Cluster."""
    from raycluster.api import cluster_with

    cluster_with(build(ClusterOptions, values), console)


CLUSTER = Command(
    name="cluster",
    summary="Cluster images by pretrained features, or vectors.",
    about=ABOUT,
    stopped="Stopped. The same command continues.",
    options=ClusterOptions,
    run=run,
    positional="data",
)
