"""What this machine has to offer to this process: CPU cores and memory."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path


def available_cores() -> int:
    """Return how many cores this process may use: those it is bound to, and no more than its container is granted."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


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
