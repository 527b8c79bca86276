"""Write the results of a run, of a clustering or of an embedding as tables that other tools open.

python jobs/export.py --run runs/photos --format atlas --out photos.parquet
embedding-atlas photos.parquet --x projection_x --y projection_y --neighbors neighbors --image image

python jobs/export.py --run runs/photos --format numpy --out photos-arrays            for scikit-learn
python jobs/export.py --run runs/photos --format clip-retrieval --out photos-clip
autofaiss build_index --embeddings=photos-clip/img_emb --index_path=knn.index --index_infos_path=infos.json
"""

from __future__ import annotations

import sys

from raycluster.cli.exit_codes import run_command

STOPPED = "Stopped. The same command begins again."


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit code."""

    def work() -> None:
        import tyro

        from raycluster.results.export import ExportOptions, export_tables

        export_tables(tyro.cli(ExportOptions, prog="python jobs/export.py", description=__doc__, args=arguments))

    return run_command(work, STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
