"""Find out what a finished run's features know about classes.

    python jobs/evaluate.py --run runs/photos-dccm-seed0                     on the images of the run
    python jobs/evaluate.py --run runs/photos-dccm-seed0 --data other.npz    on others with known classes
    python jobs/evaluate.py --run runs/photos-dccm-seed0 --shift             and on images turned, blurred, tinted, ...

A classifier with one hidden layer of 200 units is trained on the frozen features of four fifths of the images of known
class (of 20,000 of them where there are more), and tried on the others. evaluation.json in the run folder holds the
result; with --shift, shift.svg is a picture of how the clusters hold.
"""

from __future__ import annotations

import sys

from raycluster.cli.exit_codes import run_command

STOPPED = "Stopped. The same command begins again."


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit code."""

    def work() -> None:
        import tyro

        from raycluster.results.evaluate import EvaluateOptions, evaluate_run

        evaluate_run(tyro.cli(EvaluateOptions, prog="python jobs/evaluate.py", description=__doc__, args=arguments))

    return run_command(work, STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
