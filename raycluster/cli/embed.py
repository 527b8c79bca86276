"""``raycluster embed``: embed images with the network of a run, or with a pretrained one."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import EmbedOptions
from raycluster.runtime.console import Console

ABOUT = """Embed images with a run's network or a pretrained one, each exactly once.

Examples:
  raycluster embed --model runs/photos --data more-photos/ --out embeddings/more
  raycluster embed --data photos/ --out embeddings/photos       with DINOv2
  raycluster embed --backbone resnet18 --weights resnet18.safetensors \\
      --data photos/ --out embeddings/photos

Results: embeddings/part-*.parquet hold the id, path, embedding and known class
  of each image, rejected.parquet what could not be read and why, summary.json
  how many there are.

Again: the same command does what an interruption left undone, embeds new and
  changed files, and removes the rows of deleted ones."""


def run(values: Values, console: Console) -> None:
    """Embed."""
    from raycluster.embedding.embed import embed_source

    embed_source(build(EmbedOptions, values), console)


EMBED = Command(
    name="embed",
    summary="Embed images with a trained or a pretrained network.",
    about=ABOUT,
    stopped="Stopped. The same command embeds what is missing.",
    options=EmbedOptions,
    run=run,
)
