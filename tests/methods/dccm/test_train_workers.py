"""DCCM on Ray: two workers, and streaming images."""

import io
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

from raycluster.methods import find_method
from raycluster.methods.dccm.settings import DccmSettings
from raycluster.results.evaluate import EvaluateOptions, evaluate_run
from raycluster.runtime.console import Console
from raycluster.training.trainer import TrainingRun, run_training

N = 131  # not divisible by two


QUICK = DccmSettings(
    epochs=2, large_batch=32, small_batch=8, repeats=1, mi_places=4, learning_rate=1e-3, global_graph=True
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    data = load_digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, images=(data.images[:N] * 255 / 16).astype(np.uint8), labels=data.target[:N])
    return str(path)


def train(digits, out, settings, **options):
    told = io.StringIO()
    run = TrainingRun(find_method("dccm"), settings, digits, 10, str(out), **options)
    summary = run_training(run, Console(stream=told))
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return summary, rows, told.getvalue()


@pytest.mark.slow
def test_two_workers_share_every_batch_and_the_run_is_evaluated(ray_session, digits, tmp_path):
    out = tmp_path / "out"
    summary, rows, output = train(digits, out, QUICK, workers=2)
    assert "The network takes 32 x 32 images, so all are resized from 8 x 8." in output
    # 65 images on each worker make two large batches of 32, each with four small ones and two augmentations.
    assert [row["iteration"] for row in rows if row["kind"] == "epoch"] == [16, 32]
    assert set(summary.quality) == {"population", "batch"}
    assert not (out / "merges.parquet").exists()
    parts = [pq.read_table(part) for part in sorted((out / "embeddings").iterdir())]
    assert [part.num_rows for part in parts] == [65, 66]

    found = evaluate_run(EvaluateOptions(run=str(out)), Console(quiet=True))
    assert set(found["frozen"]) == {"conv", "fc"}
    assert found["frozen"]["conv"]["accuracy"] > 0.3
    assert json.loads((out / "evaluation.json").read_text()) == found


@pytest.mark.slow
def test_all_streaming_images_are_clustered(ray_session, digits, tmp_path):
    summary, rows, _ = train(digits, tmp_path / "out", replace(QUICK, epochs=1), feed="streaming")
    assert summary.images == N
    assert [row["iteration"] for row in rows if row["kind"] == "epoch"] == [32]
    assert pq.read_table(tmp_path / "out" / "assignments.parquet").num_rows == N
