"""The sections of benchmarks/gpu.py in their order: first what decides whether the rest means anything."""

from __future__ import annotations

import importlib.util
import platform
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import torch
from gpu import Section
from gpu_checks import captured_equals_eager, neighbors_agree, resumes
from gpu_speed import concurl_speed, dccm_speed, embedding_speed, fast_speed, jule_speed, operators, start_up
from gpu_training import train_concurl_default, train_dccm_default, train_fast, train_mnist, train_usps

if TYPE_CHECKING:
    from gpu import Options


def prepare(options: Options) -> None:
    """Choose the device, and compute as trainings do."""
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.device == "cuda":
        torch.backends.cudnn.deterministic = True
    options.runs.mkdir(parents=True, exist_ok=True)


def is_alive(options: Options) -> bool:
    """Return whether the device still computes."""
    try:
        return float(torch.ones(2, device=options.device).sum()) == 2
    except RuntimeError:
        return False


def machine(options: Options) -> Iterator[dict[str, Any]]:
    """Say what everything ran on."""
    where = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or platform.machine()
    with_ray = importlib.util.find_spec("ray") is not None
    yield {"what": "machine", "device": where, "torch": torch.__version__, "cuda": torch.version.cuda}
    yield {"what": "libraries", "faiss_gpus": faiss.get_num_gpus(), "ray": with_ray, "numpy": np.__version__}
    if options.device == "cuda":
        started = time.perf_counter()
        torch.ones(1, device="cuda").add_(1)
        torch.cuda.synchronize()
        yield {"what": "first kernel", "seconds": time.perf_counter() - started}


SECTIONS = (
    Section("machine", machine, 10),
    Section("equal jule", lambda o: captured_equals_eager(o, "jule"), 15),
    Section("equal concurl", lambda o: captured_equals_eager(o, "concurl"), 30),
    Section("equal dccm", lambda o: captured_equals_eager(o, "dccm"), 15),
    Section("equal fast", lambda o: captured_equals_eager(o, "fast"), 30),
    Section("speed jule", jule_speed, 20),
    Section("speed concurl", concurl_speed, 30),
    Section("speed dccm", dccm_speed, 25),
    Section("speed fast", fast_speed, 20),
    Section("neighbors", neighbors_agree, 40),
    Section("resume", resumes, 40),
    Section("operators", operators, 15),
    Section("train usps", train_usps, share=0.9),
    Section("train mnist", train_mnist, share=0.9),
    Section("embedding", embedding_speed, 30),
    Section("start-up", start_up, 60),
    Section("train fast", train_fast, share=0.6),
    Section("train dccm", train_dccm_default, share=0.5),
    Section("train concurl", train_concurl_default, share=0.9),
)
