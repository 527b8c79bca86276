import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from raycluster.runtime.machine import DRIVER, available_cores, available_gpus, available_memory

FILES = {"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 4 kB\n"}


@pytest.fixture
def container(monkeypatch):
    """The files that say what this process may use."""
    files = dict(FILES)

    def read_text(path):
        if str(path) not in files:
            raise FileNotFoundError(path)
        return files[str(path)]

    monkeypatch.setattr(Path, "read_text", read_text)
    return files


def test_available_cores_are_at_least_one_and_no_more_than_there_are():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_container_grants_fewer_cores(container, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert available_cores() == 8
    for granted, cores in (("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)):
        container["/sys/fs/cgroup/cpu.max"] = granted
        assert available_cores() == cores


def test_memory_is_what_the_machine_and_the_container_have_left(container):
    assert available_memory() == 4096
    container["/sys/fs/cgroup/memory.max"] = "max"
    assert available_memory() == 4096
    container |= {"/sys/fs/cgroup/memory.max": "3000", "/sys/fs/cgroup/memory.current": "1000"}
    assert available_memory() == 2000
    container["/sys/fs/cgroup/memory.max"] = "9999"
    assert available_memory() == 4096


def test_gpus_are_those_that_torch_can_use():
    import torch

    assert available_gpus() == torch.cuda.device_count()


def test_without_a_driver_of_gpus_torch_is_not_even_loaded():
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        pass
    else:
        pytest.skip("there is a driver of GPUs here")
    ask = "import sys; from raycluster.runtime.machine import *; print(available_gpus(), 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "0 False\n"
