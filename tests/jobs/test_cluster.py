import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

SCRIPT = Path(__file__).parents[2] / "jobs" / "cluster.py"


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=300)


def test_the_command_clusters_a_matrix_and_says_where_the_results_are(tmp_path):
    np.save(tmp_path / "digits.npy", load_digits().data[:300])
    out = tmp_path / "out"
    done = run("--embeddings", tmp_path / "digits.npy", "--clusters", 8, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "gdl: 300 vectors in 8 clusters" in done.stdout
    assert done.stdout.splitlines()[-1] == f"All results are in {out}."
    assert len(set(pq.read_table(out / "assignments.parquet")["cluster"].to_pylist())) == 8


def test_a_bad_call_ends_with_one_sentence(tmp_path):
    failed = run("--embeddings", tmp_path / "nothing.npy", "--clusters", 8, "--out", tmp_path / "out")
    assert failed.returncode == 2
    assert failed.stderr == f"error: There is no file or folder {tmp_path / 'nothing.npy'}.\n"
