import subprocess
import sys
from pathlib import Path

import pytest

import raycluster
from raycluster.api import TrainOptions, out_folder
from raycluster.errors import UserError


def test_importing_the_package_imports_neither_ray_nor_torch():
    code = "import sys, raycluster; print([m for m in ('ray', 'torch', 'faiss') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        raycluster.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ({"data": "photos"}, "How many clusters are there in photos"),
        ({"method": "concur"}, "no method 'concur': choose one of jule, dccm, concurl"),
        ({"method": "dccm", "clusters": "auto"}, "dccm cannot choose the number of clusters"),
        ({"method": "dccm", "image_size": 40}, "--image-size 40 x 40: .* squares of 32, 64 or 96 pixels"),
        ({"method": "dccm", "small_batch": 1}, "--small-batch 1: choose at least 2"),
        ({"method": "dream"}, "no method 'dream'"),
        ({"preset": "fast"}, "no preset 'fast': choose one of default, paper"),
        ({"unrol_rate": 0.5}, "no setting 'unrol_rate'; it has .*unroll_rate"),
        ({"clusters": 1}, "choose at least 2"),
    ],
)
def test_wrong_calls_are_answered_in_a_sentence(call, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        raycluster.train(out=tmp_path / "out", **call)


def test_the_run_folder_is_named_after_the_data(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert out_folder(TrainOptions(), "jule") == tmp_path / "runs" / "digits-jule-seed0"
    assert out_folder(TrainOptions(data="/x/my photos/", seed=3), "jule") == tmp_path / "runs" / "my-photos-jule-seed3"
    assert out_folder(TrainOptions(data="s3://b/x/*.png"), "jule").name == "png-jule-seed0"
    assert out_folder(TrainOptions(out="here"), "jule") == tmp_path / "here"


def test_relative_run_folders_of_submitted_jobs_lie_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    home = Path.home() / "raycluster-runs"
    assert out_folder(TrainOptions(), "jule") == home / "digits-jule-seed0"
    assert out_folder(TrainOptions(out="mine"), "jule") == home / "mine"
    assert out_folder(TrainOptions(out="/data/mine"), "jule") == Path("/data/mine")
