import io
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from raycluster.data.images import open_images
from raycluster.data.unreadable import Rejected
from raycluster.report import page
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from raycluster.training.finish import finish
from raycluster.training.worker_results import WorkerResults

BLOCKS = [np.full((4, 4), value, np.uint8) for value in (0, 10, 240, 250)]


@pytest.fixture
def images(tmp_path):
    """Four readable images out of five, with the ids 0, 1, 3 and 4."""
    np.savez(tmp_path / "blocks.npz", images=BLOCKS, labels=[0, 0, 1, 1])
    images = open_images(str(tmp_path / "blocks.npz"))
    return replace(images, ids=np.array([0, 1, 3, 4]), rejected=[Rejected("blocks.npz#2", "damaged")])


@pytest.fixture
def trained(tmp_path, images):
    """The run folder as the workers leave it, and what they return."""
    run_dir = RunDir(tmp_path / "run")
    run_dir.path.mkdir()
    embeddings = np.array([[0, 0], [1, 0], [4, 0], [1.8, 0]], np.float32)  # the last is nearer to the others
    run_dir.write_embeddings(0, 2, images.ids[::-2], images.paths[::-2], embeddings[::-2])
    run_dir.write_embeddings(1, 2, images.ids[::2], images.paths[::2], embeddings[::2])
    run_dir.metrics.write_text('{"kind": "period", "clusters_in_use": 2, "warnings": ["look here"]}\n')
    clusters = np.array([1, 1, 0, 0], np.int32)
    return run_dir, WorkerResults(
        {"rc": clusters}, "rc", np.array([False, True, False, False]), None, seconds=1.0, seconds_in_all=2.0, workers=2
    )


def finished(images, trained, console=None):
    run_dir, found = trained
    if not (run_dir.path / "config.json").exists():
        run_dir.write_config({"identity": {"method": "jule", "data": "blocks.npz"}})
    return finish(run_dir, "jule", images, found, Clock(time.perf_counter(), "training"), console)


def test_the_run_ends_with_every_row_written(images, trained):
    summary = finished(images, trained)
    run_dir = trained[0]
    assert (summary.images, summary.rejected, summary.clusters) == (4, 1, 2)
    assert summary.quality["rc"]["acc"] == 1
    assert run_dir.summary() == summary
    table = pq.read_table(run_dir.path / "assignments.parquet").to_pydict()
    assert (table["id"], table["cluster"], table["label"]) == ([0, 1, 3, 4], [1, 1, 0, 0], [0, 0, 1, 1])
    assert np.argsort(table["confidence"]).tolist()[:2] == [1, 3]
    assert table["confidence"][1] == 0  # the outlier
    assert table["confidence"][2] == max(table["confidence"]) > 0.9
    assert not (run_dir.path / "report.html").exists()
    assert not run_dir.tensorboard.exists()


def test_where_somebody_looks_on_the_run_has_a_page_that_is_part_of_its_time(images, trained):
    told = io.StringIO()
    summary = finished(images, trained, Console(stream=told))
    text = (trained[0].path / "report.html").read_text(encoding="utf-8")
    assert "4 images in 2 clusters" in text
    assert text.count("png;base64,") == 4
    assert "writing the page" in told.getvalue()
    assert summary.stages["page"] > 0
    assert (trained[0].tensorboard / "projector_config.pbtxt").exists()
    assert len((trained[0].tensorboard / "projector" / "tensors.tsv").read_text().splitlines()) == 4


def test_a_page_that_cannot_be_written_costs_no_results(images, trained, monkeypatch):
    def fail(content):
        raise ValueError("no map")

    monkeypatch.setattr(page, "arrange", fail)
    warned = io.StringIO()
    finished(images, trained, Console(quiet=True, errors=warned))
    assert (trained[0].path / "summary.json").exists()
    assert "The page could not be written (ValueError: no map). raycluster show" in warned.getvalue()
    assert sorted(trained[0].path.glob("report*")) == []


def test_a_run_that_lost_an_embedding_does_not_end_well(images, trained):
    run_dir, _ = trained
    run_dir.write_embeddings(1, 2, images.ids[:1], images.paths[:1], np.zeros((1, 2), np.float32))
    with pytest.raises(RuntimeError, match="not every image was embedded exactly once"):
        finished(images, trained)
    assert not (run_dir.path / "summary.json").exists()


def test_a_clustering_of_too_few_rows_does_not_end_well(images, trained):
    trained[1].clusterings["rc"] = np.zeros(3, np.int32)
    with pytest.raises(RuntimeError, match="rc has 3 rows for 4 images"):
        finished(images, trained)
