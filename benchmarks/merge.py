"""Seconds and memory of the merging on one core: ours against scikit-learn and fast_hdbscan, and how it grows with n.

    python benchmarks/merge.py | tee benchmarks/merge.txt

Two kinds of points in 5 dimensions: 200 Gaussian blobs (K_s 20); and ten clusters whose rows crowd in the middle, with
a few far out (distances from the center by Student's t with 1.5 degrees of freedom, K_s 40), as embeddings of trained
networks do: large clusters then have thousands of neighbors. There is one k-NN graph for all methods (exact, its making
not counted). Each measurement is a process of its own; seconds are CPU seconds after a first run on a small graph that
compiles; memory is what the process's peak grows by during the measurement. fast_hdbscan and EVoC find their own
neighbors, and that counts for them: they are of use beside "with neighbors" only. Both are optional: pip install
fast_hdbscan evoc.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import sklearn
import tyro
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from sklearn.cluster import AgglomerativeClustering

from raycluster.graph import first_clusters, link, sample_affinity

K_S = {"blobs": 20, "crowded": 40}
OTHERS = {"scikit-learn": "sklearn", "fast_hdbscan": "fast_hdbscan", "EVoC": "evoc"}
MIB = 2**20
MEASURE = "measure"  # the first argument of the processes that measure


@dataclass
class Options:
    """What to measure."""

    compared: tuple[int, ...] = (10_000, 20_000)
    """Numbers of points for all methods."""
    sizes: tuple[int, ...] = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
    """Numbers of points for ours alone; the law of growth is fitted to these."""
    repeats: int = 3
    """Of each measurement of ours below a million points; the fastest counts."""


def main(options: Options) -> None:
    os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")  # for the processes that measure
    print(f"{machine()}, Python {platform.python_version()}, numba {numba.__version__}, scikit-learn", end=" ")
    print(f"{sklearn.__version__}, one core, load of the machine {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in K_S:
            print(f"\n{kind}, K_s {K_S[kind]}\n        n  method          seconds   ratio   MiB")
            for n in options.compared:
                compare(options, folder, kind, n)
            print("\n        n  seconds   µs/point   MiB   times the edge list")
            grow(options, folder, kind)


def compare(options: Options, folder: str, kind: str, n: int) -> None:
    graph = f"{folder}/{kind}-{n}"
    made = in_own_process("graph", kind, graph, n)
    ours = fastest(options, kind, graph, n)
    print(f"{n:9,}  {'ours':14}{ours['seconds']:9.3f}       1{ours['mib']:6.0f}", flush=True)
    whole = made["seconds"] + ours["seconds"]
    print(f"{n:9,}  {'with neighbors':15}{whole:8.3f}{whole / ours['seconds']:8.1f}", flush=True)
    for name, package in OTHERS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{n:9,}  {name} is not installed: pip install {package}", flush=True)
            continue
        try:
            print(row(n, name, in_own_process(name, kind, graph, n), ours), flush=True)
        except subprocess.CalledProcessError as error:
            print(f"{n:9,}  {name:14} failed with exit code {error.returncode}", flush=True)


def row(n: int, method: str, theirs: dict[str, float], ours: dict[str, float]) -> str:
    return f"{n:9,}  {method:14}{theirs['seconds']:9.3f}{theirs['seconds'] / ours['seconds']:8.1f}{theirs['mib']:6.0f}"


def grow(options: Options, folder: str, kind: str) -> None:
    seconds = []
    for n in options.sizes:
        graph = f"{folder}/{kind}-{n}"
        if not Path(graph + "_ids.npy").exists():
            in_own_process("graph", kind, graph, n)
        ours = fastest(options, kind, graph, n)
        seconds.append(ours["seconds"])
        edge_list = n * K_S[kind] * 8 / MIB
        print(
            f"{n:9,}{ours['seconds']:9.3f}{ours['seconds'] / n * 1e6:11.1f}{ours['mib']:6.0f}"
            f"{ours['mib'] / edge_list:10.2f}",
            flush=True,
        )
        for array in Path(folder).glob(f"{kind}-{n}_*.npy"):
            array.unlink()
    for first in (0, len(seconds) // 2):
        exponent = np.polyfit(np.log(options.sizes[first:]), np.log(seconds[first:]), 1)[0]
        print(f"seconds grow as n^{exponent:.3f} from {options.sizes[first]:,} to {options.sizes[-1]:,} points")


def fastest(options: Options, kind: str, graph: str, n: int) -> dict[str, float]:
    runs = [in_own_process("ours", kind, graph, n) for _ in range(options.repeats if n < 1_000_000 else 1)]
    return min(runs, key=lambda run: run["seconds"])


def in_own_process(what: str, kind: str, graph: str, n: int) -> dict[str, float]:
    command = [sys.executable, __file__, MEASURE, what, kind, graph, str(n)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def measure(what: str, kind: str, graph: str, n: int) -> None:
    """Do one measurement and print it; the first run, on a small graph, compiles."""
    made = {"blobs": blobs, "crowded": crowded}[kind]
    if what == "graph":
        points = made(n)
        started = time.process_time()
        ids, distances = neighbors(points, K_S[kind])
        seconds = time.process_time() - started
        weights = sample_affinity(distances, kind="local")
        for name, array in (("points", points), ("ids", ids), ("weights", weights)):
            np.save(f"{graph}_{name}.npy", array)
        print(json.dumps({"seconds": seconds}))
        return
    points = made(5000)
    ids, distances = neighbors(points, K_S[kind])
    run(what, points, ids, sample_affinity(distances, kind="local"))
    points, ids, weights = (np.load(f"{graph}_{name}.npy") for name in ("points", "ids", "weights"))
    before, started = peak_mib(), time.process_time()
    run(what, points, ids, weights)
    print(json.dumps({"seconds": time.process_time() - started, "mib": peak_mib() - before}))


def run(what: str, points: np.ndarray, ids: np.ndarray, weights: np.ndarray) -> None:
    n, k = ids.shape
    if what == "ours":
        link(ids, weights, first_clusters(ids))
    elif what == "scikit-learn":
        graph = csr_array((np.ones(n * k), ids.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
        AgglomerativeClustering(n_clusters=100, connectivity=graph, linkage="average").fit(points)
    elif what == "fast_hdbscan":
        from fast_hdbscan import HDBSCAN

        HDBSCAN(min_samples=k, min_cluster_size=k).fit(points)
    else:
        from evoc import EVoC

        EVoC(n_neighbors=k, random_state=0).fit_predict(points)


def blobs(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(200, 5)) * 3
    return (centers[rng.integers(0, 200, n)] + rng.normal(size=(n, 5))).astype(np.float32)


def crowded(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    centers, directions = rng.normal(size=(10, 5)), rng.normal(size=(n, 5))
    for vectors in (centers, directions):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = 0.1 * np.abs(rng.standard_t(1.5, (n, 1)))
    return (centers[rng.integers(0, 10, n)] + distances * directions).astype(np.float32)


def neighbors(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    distances, ids = cKDTree(points).query(points, k=k + 1)
    return ids[:, 1:].astype(np.int32), (distances[:, 1:] ** 2).astype(np.float32)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MIB


def machine() -> str:
    models = [line.split(":")[1].strip() for line in cpu_info() if line.startswith("model name")]
    return models[0] if models else platform.machine()


def cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    if sys.argv[1:2] == [MEASURE]:
        measure(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    else:
        main(tyro.cli(Options, description=__doc__))
