"""``raycluster cluster``: cluster vectors by graph degree linkage."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import ClusterOptions
from raycluster.runtime.console import Console

ABOUT = """Cluster vectors, such as embeddings, by graph degree linkage.

Examples:
  raycluster cluster --embeddings runs/photos/embeddings --clusters 20 --out c20
  raycluster cluster --embeddings features.npy --clusters auto --out clusters

Results: assignments.parquet holds the clusters, merges.parquet the merge tree,
  from which any other number of clusters can be cut, rejected.parquet the
  rows that were left out and why, and summary.json the scores."""


def run(values: Values, console: Console) -> None:
    """Cluster."""
    from raycluster.clustering.cluster_vectors import cluster_vectors

    cluster_vectors(build(ClusterOptions, values), console)


CLUSTER = Command(
    name="cluster",
    summary="Cluster vectors, such as embeddings.",
    about=ABOUT,
    stopped="Stopped. The same command starts again.",
    options=ClusterOptions,
    run=run,
)
