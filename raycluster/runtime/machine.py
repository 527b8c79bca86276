"""What this machine has to offer to this process: CPU cores, GPUs and memory."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
from pathlib import Path

DRIVER = "libcuda.so.1"  # of every NVIDIA GPU
AMD = Path("/dev/kfd")


def available_cores() -> int:
    """Return how many cores this process may use: those it is bound to, and no more than its container is granted."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def available_gpus() -> int:
    """Return how many GPUs torch can use here; it takes seconds to import, so it is asked only if there can be some."""
    if sys.platform == "linux" and not AMD.exists():
        try:
            ctypes.CDLL(DRIVER)
        except OSError:
            return 0
    import torch

    return torch.cuda.device_count()


def load_of_machine() -> str:
    """Return how busy this machine is, as the end of a sentence."""
    return f"this machine has {available_cores()} cores, and {os.getloadavg()[0]:.0f} processes want to run"


def available_memory() -> float:
    """Return how many bytes of memory this process may still take, on the machine and in its container."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = float(next(line.split()[1] for line in lines if line.startswith("MemAvailable"))) * 1024
    except (OSError, StopIteration):  # a system other than Linux
        free = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) if hasattr(os, "sysconf") else math.inf
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        limit = float(Path("/sys/fs/cgroup/memory.max").read_text())
        free = min(free, limit - float(Path("/sys/fs/cgroup/memory.current").read_text()))
    return free
