"""Cluster vectors, such as embeddings, by graph degree linkage.

    python jobs/cluster.py --embeddings runs/photos/embeddings --clusters 20 --out runs/photos-20
    python jobs/cluster.py --embeddings features.npy --clusters auto --out clusters

Parquet with a column of vectors or NPY goes in; assignments.parquet, merges.parquet (the whole tree: any other number
of clusters can be cut from it), rejected.parquet and summary.json come out.
"""

from __future__ import annotations

import sys

from raycluster.cli.exit_codes import run_command

STOPPED = "Stopped. The same command begins again."


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit code."""

    def work() -> None:
        import tyro

        from raycluster.clustering.cluster_vectors import ClusterOptions, cluster_vectors

        options = tyro.cli(ClusterOptions, prog="python jobs/cluster.py", description=__doc__, args=arguments)
        cluster_vectors(options)

    return run_command(work, STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
