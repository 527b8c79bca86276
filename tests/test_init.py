import os
import subprocess
import sys


def policy(**more):
    code = "import raycluster, os; print(os.environ['OMP_WAIT_POLICY'])"
    without = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    return subprocess.check_output([sys.executable, "-c", code], env=without | more, text=True).strip()


def test_threads_that_wait_leave_the_cores_to_others_unless_somebody_wants_it_otherwise():
    assert policy() == "PASSIVE"
    assert policy(OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"
