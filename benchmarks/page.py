"""How long the page of a run takes to write and to open, and how large it is, at 2,000, 100,000 and a million images.

The images are those of MNIST, repeated with noise where there are not as many; their features are 32 principal
components of the pixels at unit length, clustered on a graph of 15 neighbors. Nothing is trained, and the clustering is
not part of the times. Opening is measured in headless Chromium from an empty page to the one that can be
used; its processor time is that of the page's main thread.

    python benchmarks/page.py /path/to/mnist out/
    python benchmarks/page.py /path/to/mnist out/ --images 2000
"""

from __future__ import annotations

import argparse
import gzip
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from raycluster.data.thumbnails import encode_picture
from raycluster.graph.counting.outcomes import describe
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.nearest import find_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.metrics.health import neighbor_agreement
from raycluster.report.content import RunContent
from raycluster.report.page import write_page

SIZES = 2_000, 100_000, 1_000_000
CHROMIUM = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
OPENED = "document.documentElement.dataset.ready"


def read_mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return all 70,000 images, uint8 (n, 28, 28), and their classes."""
    images, labels = [], []
    for part in ("train", "t10k"):
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
            images.append(np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28))
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as file:
            labels.append(np.frombuffer(file.read(), np.uint8, offset=8))
    return np.concatenate(images), np.concatenate(labels).astype(np.int64)


def content_of(images: np.ndarray, labels: np.ndarray, n: int) -> RunContent:
    """Return a run of n images."""
    rng = np.random.default_rng(0)
    rows = np.arange(n) % len(images) if n > len(images) else rng.permutation(len(images))[:n]
    pca = PCA(32, random_state=0).fit(images[:10_000].reshape(10_000, -1) / np.float32(255))
    features = pca.transform(images.reshape(len(images), -1) / np.float32(255)).astype(np.float32)
    vectors = features[rows] + rng.normal(size=(n, 32)).astype(np.float32) * (n > len(images)) * np.float32(0.3)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    graph = GraphSettings(n_neighbors=15)
    neighbors, distances, _ = find_neighbors(vectors, graph.neighbors_of(n))
    tree, weights, groups = graph.build_tree(neighbors, distances, vectors)
    ranking = rank_n_clusters(tree, neighbors, weights, groups=groups, features=vectors)
    clusters = tree.cut(ranking.chosen)
    counted = describe(ranking, tree, neighbors, weights)
    summary: dict[str, Any] = {"method": "pretrained", "images": n, "rejected": 0, "clusters": ranking.chosen}
    summary |= {"seconds": 0.0, "health": counted}
    return RunContent(
        name=f"mnist-{n}",
        summary=summary,
        config={"identity": {"method": "pretrained", "data": "mnist", "clusters": "auto"}},
        ids=np.arange(n),
        paths=[f"mnist/{row // 1000:04d}/{row:07d}.png" for row in range(n)],
        vectors=vectors,
        clusters=clusters,
        confidence=neighbor_agreement(neighbors, clusters),
        labels=labels[rows],
        tree=tree,
        read_pictures=lambda wanted, side: [encode_picture(images[row]) for row in rows[wanted]],
        neighbors=(neighbors, distances),
    )


def opening(page: Path) -> tuple[float, float]:
    """Return the seconds until a page can be used, and those of the processor on its main thread; the better of two."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in CHROMIUM:
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver"))
    times = []
    try:
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        for _ in range(2):
            driver.get("about:blank")
            began = time.perf_counter()
            driver.get(page.resolve().as_uri())
            while not driver.execute_script(f"return {OPENED}"):
                time.sleep(0.01)
            taken = time.perf_counter() - began
            metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
            times.append((taken, next(one["value"] for one in metrics if one["name"] == "TaskDuration")))
    finally:
        driver.quit()
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mnist", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, nargs="*", default=SIZES)
    options = parser.parse_args()
    images, labels = read_mnist(options.mnist)
    head = (
        "images",
        "clusters",
        "write, s",
        "processor, s",
        "open, s",
        "processor, s",
        "page, MB",
        "folder, MB",
        "memory, GB",
    )
    print("".join(f"{name:>14}" for name in head), flush=True)
    for n in options.images:
        content = content_of(images, labels, n)
        folder = options.out / content.name
        folder.mkdir(parents=True, exist_ok=True)
        wall, processor = time.perf_counter(), time.process_time()
        write_page(folder, content)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        opened, thread = opening(folder / "report.html")
        page = (folder / "report.html").stat().st_size / 1e6
        beside = sum(file.stat().st_size for file in folder.glob("report/*")) / 1e6
        row = f"{n:>14,}{content.summary['clusters']:>14,}{wall:>14.1f}{processor:>14.1f}{opened:>14.2f}{thread:>14.2f}"
        print(f"{row}{page:>14.1f}{beside:>14.1f}{memory:>14.2f}", flush=True)


if __name__ == "__main__":
    main()
