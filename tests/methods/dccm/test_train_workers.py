"""DCCM on Ray: two workers, one of which dies, and streaming images."""

import io
import json
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from raycluster.methods import find_method
from raycluster.methods.dccm.settings import DccmSettings
from raycluster.methods.dccm.train import train_dccm
from raycluster.results.evaluate import EvaluateOptions, evaluate_run
from raycluster.runtime.console import Console
from raycluster.training.trainer import TrainingRun, run_training

N = 131  # not divisible by two


@dataclass(frozen=True, kw_only=True)
class Breaking(DccmSettings):
    """Settings with a folder that records whether a worker has already died."""

    flags: str = ""


QUICK = Breaking(epochs=2, large_batch=32, small_batch=8, repeats=1, mi_places=4, learning_rate=1e-3, global_graph=True)


def train_and_die_once(settings, clusters, context):
    """Train, and kill the last worker after its first checkpoint unless that has already happened."""
    flag = Path(settings.flags) / "died"
    save = context.save

    def save_and_die(tensors, state):
        save(tensors, state)
        if settings.flags and context.rank == context.world_size - 1 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    context.save = save_and_die
    return train_dccm(settings, clusters, context)


ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    data = load_digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, images=(data.images[:N] * 255 / 16).astype(np.uint8), labels=data.target[:N])
    return str(path)


def train(digits, out, settings, **options):
    told = io.StringIO()
    run = TrainingRun(replace(find_method("dccm"), train=train_and_die_once), settings, digits, 10, str(out), **options)
    summary = run_training(run, Console(stream=told))
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return summary, rows, told.getvalue()


@pytest.mark.slow
def test_two_workers_recover_from_the_death_of_one_with_the_same_result(ray_session, digits, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    summary, rows, output = train(digits, whole, QUICK, workers=2)
    assert "The network takes 32 x 32 images, so all are resized from 8 x 8." in output
    # 65 images on each worker make two large batches of 32, each with four small ones and two augmentations.
    assert [row["iteration"] for row in rows if row["kind"] == "epoch"] == [16, 32]
    assert set(summary.quality) == {"population", "batch"}
    assert not (whole / "merges.parquet").exists()
    parts = [pq.read_table(part) for part in sorted((whole / "embeddings").iterdir())]
    assert [part.num_rows for part in parts] == [65, 66]

    _, rows, output = train(digits, broken, replace(QUICK, flags=str(tmp_path)), workers=2)
    assert "Training continues from the checkpoint" in output
    assert [row.get("epoch") for row in rows] == [None, 1, None, 2, None]
    weights = load_file(broken / "model" / "model.safetensors")
    for name, value in load_file(whole / "model" / "model.safetensors").items():
        assert (weights[name] == value).all(), name
    assert pq.read_table(broken / "assignments.parquet") == pq.read_table(whole / "assignments.parquet")

    found = evaluate_run(EvaluateOptions(run=str(whole)), Console(quiet=True))
    assert set(found["frozen"]) == {"conv", "fc"}
    assert found["frozen"]["conv"]["accuracy"] > 0.3
    assert json.loads((whole / "evaluation.json").read_text()) == found


@pytest.mark.slow
def test_all_streaming_images_are_clustered(ray_session, digits, tmp_path):
    summary, rows, _ = train(digits, tmp_path / "out", replace(QUICK, epochs=1), feed="streaming")
    assert summary.images == N
    assert [row["iteration"] for row in rows if row["kind"] == "epoch"] == [32]
    assert pq.read_table(tmp_path / "out" / "assignments.parquet").num_rows == N
