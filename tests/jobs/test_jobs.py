"""The scripts that ``ray job submit`` runs, as a user starts them: in processes of their own."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from raycluster.cli.main import COMMANDS, main
from raycluster.data.vectors.vector_set import open_vectors

CLONE = Path(__file__).parents[2]
SCRIPTS = {name: CLONE / ("tune" if name == "sweep" else "jobs") / f"{name}.py" for name in COMMANDS}
del SCRIPTS["show"]  # opens a page where somebody looks
SHARDS = 4  # of the 1,797 digits


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_command_is_a_script_too_from_any_folder(name, tmp_path):
    command = [sys.executable, SCRIPTS[name], "--help"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"usage: raycluster {name} ")


@pytest.mark.slow
def test_a_bad_call_of_a_script_ends_with_one_sentence_and_2(tmp_path):
    command = [sys.executable, SCRIPTS["train"], "dccm", "--clusters", "auto"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: dccm cannot choose the number of clusters")
    assert failed.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_killed_job_goes_on_where_it_was_and_embeds_nothing_twice(ray_session, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    torch.manual_seed(0)
    save_file(torchvision.models.resnet18().state_dict(), tmp_path / "w.safetensors")
    flags = f"--backbone resnet18 --weights {tmp_path}/w.safetensors --image-size 32 --data digits --out {tmp_path}/out"
    parts = tmp_path / "out" / "embeddings"
    with subprocess.Popen([sys.executable, SCRIPTS["embed"], *flags.split()], stderr=subprocess.DEVNULL) as begun:
        while not parts.exists() or not list(parts.glob("*.parquet")):
            assert begun.poll() is None
            time.sleep(0.02)
        begun.kill()
    time.sleep(1)  # its actors die a moment later
    done = {path: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert 1 <= len(done) < SHARDS
    assert main(["embed", *flags.split()]) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert sorted(path.name for path in parts.iterdir()) == [f"part-{i:05d}.parquet" for i in range(SHARDS)]
    assert open_vectors(str(parts)).ids.tolist() == list(range(1797))
    told = capsys.readouterr().out
    assert "digits: 1,797 rows in 1 file," in told
    assert "1,797 embeddings + 0 rejected; ids unique, 4 parts, checked" in told
    assert told.splitlines()[-1] == f"All embeddings are in {parts}."
