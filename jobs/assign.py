"""Assign new images to the clusters of a finished run.

    python jobs/assign.py --model runs/photos --data tonight/ --out tonight.parquet
    python jobs/assign.py --model runs/photos --data tonight/ --out all.parquet --refuse-above inf

One row an input comes out: id, path, cluster, confidence, reason, and the label where it is known. Images that are like
nothing the run has seen, and those that cannot be read, have cluster -1, confidence 0, and the reason.
"""

from __future__ import annotations

import sys

from raycluster.cli.exit_codes import run_command

STOPPED = "Stopped. The same command begins again."


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit code."""

    def work() -> None:
        import tyro

        from raycluster.results.assign import AssignOptions, assign_images

        assign_images(tyro.cli(AssignOptions, prog="python jobs/assign.py", description=__doc__, args=arguments))

    return run_command(work, STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
