"""Embed images with a trained network.

    python jobs/embed.py --model runs/photos-dccm-seed0 --data more-photos/ --out embeddings/more
    python jobs/embed.py --model resnet18 --weights resnet18.safetensors --data photos/ --out embeddings/photos

Each image exactly once: embeddings/part-*.parquet hold id, path, embedding and the known class, rejected.parquet what
could not be read and why, summary.json the counts. The same command again does what a kill has left undone, and embeds
only the files that are new or changed since; rows of deleted files are taken out.
"""

from __future__ import annotations

import sys

from raycluster.cli.exit_codes import run_command

STOPPED = "Stopped. The same command embeds what is missing."


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit code."""

    def work() -> None:
        import tyro

        from raycluster.embedding.embed import EmbedOptions, embed_source

        embed_source(tyro.cli(EmbedOptions, prog="python jobs/embed.py", description=__doc__, args=arguments))

    return run_command(work, STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
