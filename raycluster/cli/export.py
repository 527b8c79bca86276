"""``raycluster export``: write results as tables that other tools open."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import ExportOptions
from raycluster.runtime.console import Console

ABOUT = """Write results of a run, a clustering or an embedding as tables for other tools.

Examples:
  raycluster export --run runs/photos --format atlas --out photos.parquet
  embedding-atlas photos.parquet --x projection_x --y projection_y \\
      --neighbors neighbors --image image
  raycluster export --run runs/photos --format numpy --out photos-arrays
  raycluster export --run runs/photos --format clip-retrieval --out photos-clip
  autofaiss build_index --embeddings=photos-clip/img_emb \\
      --index_path=knn.index --index_infos_path=infos.json"""


def run(values: Values, console: Console) -> None:
    """Export."""
    from raycluster.results.export import export_tables

    export_tables(build(ExportOptions, values), console)


EXPORT = Command(
    name="export",
    summary="Write results as tables for embedding-atlas, NumPy or clip-retrieval.",
    about=ABOUT,
    stopped="Stopped. The same command starts again.",
    options=ExportOptions,
    run=run,
)
