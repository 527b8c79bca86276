import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from raycluster.data.vectors import open_vectors

SCRIPT = Path(__file__).parents[2] / "jobs" / "embed.py"
SHARDS, FIRST = 4, 512  # of the 1,797 digits


def test_a_killed_job_goes_on_where_it_was_and_embeds_nothing_twice(job, ray_session, tmp_path, capsys):
    torch.manual_seed(0)
    save_file(torchvision.models.resnet18().state_dict(), tmp_path / "w.safetensors")
    flags = f"--model resnet18 --weights {tmp_path}/w.safetensors --image-size 64 --data digits --out {tmp_path}/out"
    parts = tmp_path / "out" / "embeddings"
    with subprocess.Popen([sys.executable, SCRIPT, *flags.split()], stderr=subprocess.DEVNULL) as begun:
        while not list(parts.glob("*.parquet")):
            assert begun.poll() is None
            time.sleep(0.02)
        begun.kill()
    time.sleep(1)  # its actors die a moment later
    done = {path: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert 1 <= len(done) < SHARDS
    assert job.main(flags.split()) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert sorted(path.name for path in parts.iterdir()) == [f"part-{i:05d}.parquet" for i in range(SHARDS)]
    assert open_vectors(str(parts)).ids.tolist() == list(range(1797))
    told = capsys.readouterr().out
    assert "digits: 1,797 rows in 1 file," in told
    assert "1,797 embeddings + 0 rejected; ids unique, 4 parts, checked" in told
    assert told.splitlines()[-1] == f"All embeddings are in {parts}."


def test_a_bad_call_ends_with_one_sentence(job, tmp_path, capsys):
    assert job.main(["--model", "resnet18", "--data", "digits", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --model resnet18 needs --weights FILE; nothing is downloaded.")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_teaches_the_flags(job, capsys):
    with pytest.raises(SystemExit) as exit_:
        job.main(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    for text in ("--model", "--weights", "--image-size", "--workers", "The same command again"):
        assert text in shown
