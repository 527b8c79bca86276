"""``raycluster export``: write results as folders, lists and tables that people and other tools open."""

from __future__ import annotations

from raycluster.cli.command import Command, Values
from raycluster.cli.tyro_form import build
from raycluster.options import ExportOptions
from raycluster.runtime.console import Console

ABOUT = """Take the clusters of a run elsewhere, with the names given on the report page.

Folders of images, one for each cluster (a dry run without --execute):
  raycluster export --run runs/photos --format folders --out sorted
  raycluster export --run runs/photos --format folders --out sorted --execute
  raycluster export --run runs/photos --format folders --out sorted \\
      --names names.json --transfer symlink --execute

Lists and tables:
  raycluster export --run runs/photos --format csv --out photos.csv
  raycluster export --run runs/photos --format csv --out 50.csv --clusters 50
  raycluster export --run runs/photos --format coco --out photos-coco
  raycluster export --run runs/photos --format imagefolder --out photos-hf
  raycluster export --run runs/photos --format fiftyone --out photos-fiftyone

With embeddings:
  raycluster export --run runs/photos --format atlas --out photos.parquet
  embedding-atlas photos.parquet --x projection_x --y projection_y \\
      --neighbors neighbors --image image
  raycluster export --run runs/photos --format numpy --out photos-arrays
  raycluster export --run runs/photos --format clip-retrieval --out photos-clip
  autofaiss build_index --embeddings=photos-clip/img_emb \\
      --index_path=knn.index --index_infos_path=infos.json"""


def run(values: Values, console: Console) -> None:
    """Export."""
    from raycluster.results.export import export_run

    export_run(build(ExportOptions, values), console)


EXPORT = Command(
    name="export",
    summary="Take clusters elsewhere: folders, CSV, COCO, FiftyOne, embedding-atlas, ...",
    about=ABOUT,
    stopped="Stopped. The same command continues: folders go on where they were, the others start again.",
    options=ExportOptions,
    run=run,
)
