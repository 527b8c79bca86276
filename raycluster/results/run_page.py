"""The page of a finished run, written anew from its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq

from raycluster.data.vectors.metric import MetricSpace
from raycluster.report.content import RunContent
from raycluster.report.page import write_page
from raycluster.results.assigned import tree_of
from raycluster.results.finished_run import embeddings_of, read_vectors
from raycluster.results.originals import config_of_images
from raycluster.results.run_images import NoImages, reading_images
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir

FILES = "files.parquet"


def write_run_page(run_dir: RunDir, console: Console, data: str | None = None) -> None:
    """Write the page of a finished run.

    Parameters
    ----------
    run_dir : RunDir
    console : Console
        Shows progress, and why the page has no pictures if it has none.
    data : str, optional
        Where the images are now; by default where the run found them.

    Raises
    ------
    UserError
        If a table is missing or damaged.
    """
    console.progress("reading the run")
    embeddings = embeddings_of(run_dir)
    content = content_of(run_dir, embeddings)
    config = config_of_images(content.config, embeddings)
    try:
        with reading_images(config, data, content.ids, content.paths, console, run_dir.path) as read:
            write_page(run_dir.path, replace(content, read_pictures=read), console.progress)
    except NoImages as error:
        console.say(f"The page holds no pictures: {error}")
        write_page(run_dir.path, content, console.progress)


def content_of(run_dir: RunDir, embeddings: str) -> RunContent:
    """Return what the page of a finished run shows, without pictures.

    Parameters
    ----------
    run_dir : RunDir
    embeddings : str
        Where the vectors are that were clustered.

    Raises
    ------
    UserError
        If a table is missing or damaged.
    """
    config = run_dir.config()
    found = read_vectors(run_dir.path, embeddings, config["identity"].get("column"))
    assert found.clusters is not None  # the run is finished
    assert found.confidence is not None
    vectors, _ = MetricSpace(config["identity"].get("metric"), found.vectors).place(found.vectors)
    return RunContent(
        name=run_dir.path.resolve().name,
        summary=asdict(run_dir.summary()),
        config=config,
        ids=found.ids,
        paths=found.paths,
        vectors=vectors,
        clusters=found.clusters,
        confidence=found.confidence,
        labels=found.labels,
        class_names=_class_names(run_dir.path, config.get("class_names")),
        tree=tree_of(run_dir.path, len(found.ids)),
        metrics=run_dir.rows(),
    )


def _class_names(folder: Path, of_config: list[str] | None) -> list[str] | None:
    """Return the names of known classes: training writes them into the config, embedding beside the list of files."""
    if of_config is not None or not (folder / FILES).exists():
        return of_config
    return json.loads((pq.read_schema(folder / FILES).metadata or {}).get(b"class_names", b"[]")) or None
