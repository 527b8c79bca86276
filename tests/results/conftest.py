"""Runs of all three methods on small real images, made once: networks as they are born, which is all that is asked."""

import io
import json
import os
import tarfile
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.graph import GraphDegreeLinkage
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.jule.network import JuleCNN
from raycluster.metrics.confidence import confidence_of
from raycluster.nn.features import frozen_features
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import RunSummary


@pytest.fixture(scope="session")
def digit_files(tmp_path_factory):
    """400 digits, first those that the runs see and then 100 others, as two NPZ files with labels."""
    folder = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    for name, rows in (("seen", slice(0, 400)), ("new", slice(400, 500))):
        np.savez(folder / f"{name}.npz", images=images[rows], labels=digits.target[rows])
    return folder


@pytest.fixture(scope="session")
def make_run(digit_files, tmp_path_factory):
    """Write the folder of a finished run of a network on the digits that it has seen."""

    def make(net, method, clustering=None, **settings):
        run_dir = RunDir(tmp_path_factory.mktemp(method))
        data = str(digit_files / "seen.npz")
        _, height, width = net.shape
        images = load_images(open_images(data, canvas=CanvasSettings((height, width))))
        embeddings = list(frozen_features(net.eval(), images.pixels).values())[-1]
        linkage = GraphDegreeLinkage(10).fit(embeddings)
        identity = {"method": method, "data": data, "labels": "auto", "image_size": [height, width], "color": "keep"}
        run_dir.write_config({"identity": identity | settings, "canvas": asdict(images.canvas), "files": images.files})
        net.clustering = clustering
        run_dir.write_model(net, net.architecture())
        run_dir.write_embeddings(0, 1, images.ids, images.paths, embeddings)
        confidence = confidence_of(embeddings, linkage.labels_)
        run_dir.write_assignments(images.ids, images.paths, linkage.labels_, confidence, images.labels)
        tree = linkage.tree_
        run_dir.write_merges({name: getattr(tree, name) for name in ("left", "right", "affinity", "size")})
        run_dir.write_summary(RunSummary(method, images.n, 0, 10, 1.0, {}))
        return run_dir.path

    return make


@pytest.fixture(scope="session")
def jule_run(make_run):
    torch.manual_seed(0)
    return make_run(JuleCNN((1, 8, 8)), "jule", n_neighbors=None)


@pytest.fixture(scope="session")
def dccm_run(make_run):
    torch.manual_seed(0)
    return make_run(DccmCNN((1, 32, 32), 10), "dccm")


@pytest.fixture(scope="session")
def concurl_run(make_run):
    torch.manual_seed(0)
    net = ConcurlNet((1, 32, 32), 10, "resnet18")
    torch.nn.init.normal_(net.head_centroids)
    return make_run(net, "concurl", "clust_head")


@pytest.fixture(scope="session")
def vectors_run(tmp_path_factory):
    """A finished clustering of vectors, which has no network."""
    run_dir = RunDir(tmp_path_factory.mktemp("gdl"))
    run_dir.write_config({"identity": {"method": "gdl", "embeddings": "vectors.npy"}})
    (run_dir.path / "summary.json").write_text(json.dumps({}))
    return run_dir.path


@pytest.fixture
def photos_run(tmp_path):
    """A finished run of nine images in two clusters: files of difficult names, and members of a tar file."""
    photos, run_dir = tmp_path / "photos", RunDir(tmp_path / "run")
    names = [b"a/same.png", b"b/same.png", b"new\nline.png", b'it\'s "<script>".png', b"bad\xff.png", b"-rf.png"]
    for shade, name in enumerate(names):
        path = photos / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 6), shade).save(path)
    with tarfile.open(photos / "t.tar", "w") as tar:
        for shade, name in enumerate(("same.png", "x/y.png", "z.png"), len(names)):
            file = io.BytesIO()
            Image.new("L", (8, 6), shade).save(file, "PNG")
            info = tarfile.TarInfo(name)
            info.size = len(file.getvalue())
            tar.addfile(info, io.BytesIO(file.getvalue()))
    images = open_images(str(photos))
    run_dir.path.mkdir()
    run_dir.write_config({"identity": {"method": "jule", "data": str(photos)}, "files": images.files})
    clusters = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1], np.int32)
    run_dir.write_assignments(images.ids, images.paths, clusters, np.full(9, 0.5, np.float32), images.labels)
    run_dir.write_summary(RunSummary("jule", 9, 0, 2, 1.0, {}))
    names_file = tmp_path / "names.json"
    wrong = [{"id": 7, "path": images.paths[7]}]
    saved = {"format": "raycluster names 1", "run": "run", "clusters": 2, "names": {"1": "dogs"}, "wrong": wrong}
    names_file.write_text(json.dumps(saved))
    return run_dir.path
