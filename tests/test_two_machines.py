"""The drills of benchmarks/two_nodes.py that fit into a test: machines whose names resolve to loopback."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.machines import can_make_machines

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(not can_make_machines(), reason="needs namespaces for every user, and the tools unshare and ip")
def test_two_machines_find_what_one_finds_and_the_loss_of_one_is_a_sentence(tmp_path):
    command = [sys.executable, "benchmarks/two_nodes.py", "--keep", str(tmp_path), "node-lost"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
