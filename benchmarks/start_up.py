"""Seconds from a command to the first line of its training, against Ray alone, in one run.

    python benchmarks/start_up.py

Ray alone is a script that starts Ray and has one worker of its TorchTrainer call a function that prints a line.
`raycluster train` also reads images, checks what it was asked for, and starts an actor that clusters. The two take
turns. Of its own start, the time until the first clustering is shown too, with the kernels compiled and without.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import ray
import torch
import tyro

from raycluster.runtime.machine import available_cores

RAY_ALONE = """
import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

def train():
    print("Training on")

ray.init(num_cpus={cores})
workers = ScalingConfig(num_workers=1, resources_per_worker={{"CPU": {cores}}})
TorchTrainer(train, scaling_config=workers, run_config=RunConfig(storage_path="{folder}")).fit()
"""
BEGUN, CLUSTERED = "Training on", "before training"


@dataclass
class Options:
    """What to measure."""

    repeats: int = 3
    """Starts of each kind; the medians count."""


def main(options: Options) -> None:
    versions = f"torch {torch.__version__}, Ray {ray.__version__}"
    print(f"{available_cores()} cores, {torch.cuda.device_count()} GPUs, {versions}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        script = RAY_ALONE.format(cores=max(2, available_cores()), folder=folder)
        train = [sys.executable, "-m", "raycluster", "train", "--out"]
        in_first_run = watch([*train, f"{folder}/first"], {"NUMBA_CACHE_DIR": f"{folder}/compiled"})
        alone, ours = [], []
        for i in range(options.repeats):
            alone.append(watch([sys.executable, "-c", script]))
            ours.append(watch([*train, f"{folder}/{i}"]))
    base = statistics.median(begun for begun, _, _ in alone)
    print(f"{'':34} to training    ratio   CPU seconds   to clusters")
    for name, runs in (
        ("Ray alone", alone),
        ("raycluster train", ours),
        ("... first time on a machine", [in_first_run]),
    ):
        begun, cpu, clustered = (statistics.median(column) for column in zip(*runs, strict=True))
        later = f"{clustered:11.1f} s" if clustered else ""
        print(f"{name:34} {begun:9.1f} s {begun / base:8.2f} {cpu:13.1f} {later}", flush=True)


def watch(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, float, float]:
    """Run a command, and return the seconds to its training, the CPU seconds of all its processes, and to clusters.

    The command is stopped as soon as it has clustered, or ends by itself.
    """
    import psutil  # it comes with Ray

    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | (environment or {})
    )
    begun = cpu = clustered = 0.0
    assert process.stdout is not None
    for line in process.stdout:
        if BEGUN in line and not begun:
            begun, cpu = time.monotonic() - began, cpu_seconds(psutil.Process(process.pid))
        if CLUSTERED in line:
            clustered = time.monotonic() - began
            process.terminate()
            break
    process.communicate()
    if not begun:
        raise SystemExit(f"{' '.join(command[:5])} ended with {process.returncode} before its training")
    return begun, cpu, clustered


def cpu_seconds(root: Any) -> float:
    """Return the CPU seconds of a process and its descendants, also of those that have ended and been waited for."""
    times = [process.cpu_times() for process in [root, *root.children(recursive=True)]]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


if __name__ == "__main__":
    main(tyro.cli(Options))
