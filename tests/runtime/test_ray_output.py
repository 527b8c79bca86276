import os
import subprocess
import sys

import pytest

# An actor of which Ray's core warns; then the raylet dies, of which many parts of Ray have something to say.
LOUD = """
import ctypes, glob, os, signal, sys, time
from raycluster.errors import TrainingFailed
from raycluster.runtime.session import ray_session

try:
    with ray_session() as session:
        import ray

        class Actor:
            def __init__(self, held):
                pass

            def pid(self):
                return os.getpid()

        actor = ray.remote(Actor).options(max_restarts=1).remote(ray.put(bytes(1000)))
        ray.get(actor.pid.remote())
        log = "".join(open(path).read() for path in glob.glob(f"{session.logs}/python-core-driver-*.log"))
        print("constructor arguments in the object store" in log)
        print(ray._private.worker._worker_logs_enabled, flush=True)
        os.kill(ray._private.worker._global_node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
        time.sleep(60)
except TrainingFailed as error:
    print(str(error).split(",")[0])
ctypes.CDLL(None).perror(b"other C code")
print(ray._private.worker._worker_logs_enabled)
"""


@pytest.mark.slow
def test_ray_prints_nothing_but_its_logs_have_it_and_other_code_is_free_to_print():
    keep = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run([sys.executable, "-c", LOUD], env=keep, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == ["True", "False", "Ray's raylet on this machine has died", "True"]
    assert done.stderr.startswith("other C code: ")
    assert done.stderr.count("\n") == 1
