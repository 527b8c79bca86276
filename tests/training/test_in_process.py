import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.errors import UserError
from raycluster.methods import find_method
from raycluster.methods.jule import clustering
from raycluster.runtime.run_dir import RunDir
from raycluster.training.in_process import train_in_process
from raycluster.training.trainer import TrainingRun

SETTINGS = {
    "jule": {"epochs_per_period": 1, "rounds": 1, "epochs_per_round": 1},
    "dccm": {"epochs": 1, "repeats": 1, "augmentations": 1, "mi_places": 4, "large_batch": 100},
}


def run_of(digits_npz, out, method="jule", **settings):
    chosen = find_method(method)
    settings = replace(chosen.presets["default"], **(SETTINGS[method] | settings))
    return TrainingRun(chosen, settings, digits_npz, 5, str(out))


def images_of(run):
    return load_images(open_images(run.data, canvas=CanvasSettings(square_sizes=run.method.square_sizes)))


@pytest.mark.parametrize("method", ["jule", "dccm"])
def test_the_run_folder_is_that_of_a_run_by_ray_train(method, digits_npz, tmp_path):
    run = run_of(digits_npz, tmp_path / "run", method)
    summary = train_in_process(run, images_of(run), 1)
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files - {"merges.parquet"} == {
        "assignments.parquet",
        "checkpoints",
        "config.json",
        "embeddings",
        "metrics.jsonl",
        "model",
        "rejected.parquet",
        "summary.json",
        "tensorboard",
    }
    assert (summary.images, summary.rejected) == (120, 0)
    assert summary.quality
    assert set(summary.stages) == {"ray_start", "images", "worker_start", "training", "writing"}
    assert RunDir(run.out).state(run.identity) == "finished"
    assert pq.read_table(tmp_path / "run" / "embeddings")["id"].to_pylist() == list(range(120))
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"), {"images": 0}).Reload()
    periods = [step for step, row in enumerate(RunDir(run.out).rows()) if row["kind"] == "period"]
    assert [image.step for image in board.Images("largest_clusters")] == periods
    before = (tmp_path / "run" / "summary.json").stat().st_mtime_ns
    assert train_in_process(run, images_of(run), 1) == summary
    assert (tmp_path / "run" / "summary.json").stat().st_mtime_ns == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux to list open files")
def test_nothing_of_a_run_stays_open_in_a_process_that_lives_on(digits_npz, tmp_path):
    run = run_of(digits_npz, tmp_path / "run", rounds=0)
    train_in_process(run, images_of(run), 1)
    descriptors = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert not [path.readlink() for path in descriptors if str(path.readlink()).startswith(str(tmp_path))]


def test_a_run_that_broke_off_is_continued_to_the_same_end(digits_npz, tmp_path):
    whole, broken = run_of(digits_npz, tmp_path / "whole"), run_of(digits_npz, tmp_path / "broken")
    train_in_process(whole, images_of(whole), 1)
    counted = []

    def pull_the_plug(context, folder):
        counted.append(context.epochs)
        assert folder == tmp_path / "broken" / "checkpoints" / "training"
        if context.epochs == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_in_process(broken, images_of(broken), 1, pull_the_plug)
    assert RunDir(broken.out).state(broken.identity) == "begun"
    train_in_process(broken, images_of(broken), 1, lambda context, folder: counted.append(context.epochs))
    assert counted == sorted(counted)  # epochs are counted on
    weights = [load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "broken")]
    torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_driver_functions_go_through_the_one_who_answers(digits_npz, tmp_path):
    asked = []

    def answer(function, features, **kwargs):
        asked.append((function, features.shape))
        return function(features, **kwargs)

    run = run_of(digits_npz, tmp_path / "run", rounds=0)
    train_in_process(run, images_of(run), 1, answer=answer)
    assert asked[0] == (clustering.cluster_pixels, (120, 64))
    assert [function for function, _ in asked[-2:]] == [clustering.recluster, clustering.judge]


def test_a_mistake_leaves_its_story_and_another_run_is_refused(digits_npz, tmp_path):
    run = run_of(digits_npz, tmp_path / "run")

    def mistake(*arguments):
        raise ArithmeticError("a mistake")

    with pytest.raises(ArithmeticError):
        train_in_process(replace(run, method=replace(run.method, train=mistake)), images_of(run), 1)
    assert "a mistake" in (tmp_path / "run" / "error.log").read_text()
    with pytest.raises(UserError, match=r"--margin was 0\.2 and is now 0\.3"):
        train_in_process(run_of(digits_npz, tmp_path / "run", margin=0.3), images_of(run), 1)


@pytest.mark.slow
def test_all_libraries_compute_with_as_many_threads_as_asked_also_when_numba_starts_last():
    code = """
import numba, torch
torch.get_num_threads()  # from here on torch leaves OpenMP alone
from raycluster.training.in_process import compute_with
compute_with(1)
print(torch.get_num_threads(), numba.get_num_threads())
"""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) == "1 1\n"
