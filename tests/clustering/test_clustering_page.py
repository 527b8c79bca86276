import json
import re

import numpy as np

from raycluster.clustering.cluster_vectors import cluster_vectors
from raycluster.options import ClusterOptions
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir


def run_data(page):
    return json.loads(re.search(r'id="run">([^<]*)<', page.read_text(encoding="utf-8"))[1])


def test_vectors_have_a_page_whose_time_counts(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32))
    out = tmp_path / "out"
    options = ClusterOptions(embeddings=str(tmp_path / "v.npy"), clusters=4, out=str(out))
    summary = cluster_vectors(options, Console(quiet=True))
    assert run_data(out / "report.html")["title"] == "40 vectors in 4 clusters"
    assert summary.stages["page"] > 0
    assert RunDir(out).summary() == summary


def test_vectors_of_known_images_have_their_pictures(digits_npz, tmp_path):
    embedded = RunDir(tmp_path / "embedded")
    embedded.path.mkdir()
    embedded.write_config({"identity": {"method": "embed", "data": digits_npz}})
    images = np.load(digits_npz)["images"]
    vectors = images.reshape(len(images), -1).astype(np.float32)
    embedded.write_embeddings(0, 1, np.arange(120), [f"digits.npz#{i}" for i in range(120)], vectors)
    (embedded.path / "summary.json").write_text("{}")
    out = tmp_path / "out"
    options = ClusterOptions(embeddings=str(embedded.path / "embeddings"), clusters=10, out=str(out))
    cluster_vectors(options, Console(quiet=True))
    assert run_data(out / "report.html")["title"] == "120 images in 10 clusters"
    assert (out / "report.html").read_text(encoding="utf-8").count("png;base64,") == 120
