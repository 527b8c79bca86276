"""The script as a user starts it, in processes of its own: they can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

from raycluster.cli.main import main

SCRIPT = Path(__file__).parents[2] / "tune" / "sweep.py"


def times_of_files(run):
    """When each file of a run was written, apart from the page, which the best trial gets at the end of a sweep."""
    return {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != "report.html"}


@pytest.mark.slow
def test_a_killed_sweep_keeps_finished_trials_and_continues_the_others(ray_session, tmp_path, capsys):
    digits, out = load_digits(), tmp_path / "sweep"
    np.savez(tmp_path / "digits.npz", images=(digits.images[:300] * 15).astype(np.uint8), labels=digits.target[:300])
    command = [sys.executable, str(SCRIPT), "jule", "--data", str(tmp_path / "digits.npz"), "--clusters", "10"]
    command += ["--trials", "2", "--max-concurrent", "1", "--out", str(out), "--space", "unroll_rate=0.2:0.3"]
    command += ["--fixed", "epochs_per_period=20", "rounds=0"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    second = out / "trials" / "0001" / "checkpoints" / "training"
    while not second.exists() or not list(second.glob("*[0-9]")):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    finished = out / "trials" / "0000"
    before = times_of_files(finished)
    assert main(["sweep", *command[2:]]) == 0
    assert "1 are done already" in capsys.readouterr().out
    assert times_of_files(finished) == before
    starts = [json.loads(line) for line in (out / "trials/0001/metrics.jsonl").read_text().splitlines()]
    assert [row["continued"] for row in starts if row["kind"] == "start"] == [False, True]
    assert pq.read_table(out / "trials.parquet")["state"].to_pylist() == ["finished"] * 2
