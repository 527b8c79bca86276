import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from raycluster.errors import UserError
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.dccm.network import DccmCNN
from raycluster.metrics import shift
from raycluster.results.shift import classes_of_run, reader, shift_of_run
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir


@pytest.fixture
def run(tmp_path):
    table = pa.table({"cluster": pa.array([0, 0, 1, 2], pa.int32()), "label": pa.array([5, 5, 7, None], pa.int64())})
    pq.write_table(table, tmp_path / "assignments.parquet")
    return RunDir(tmp_path)


def test_clusters_stand_for_classes_of_the_training_images(run):
    assert classes_of_run(run.path, 3).tolist() == [5, 7, -1]
    pq.write_table(pa.table({"cluster": pa.array([0], pa.int32())}), run.path / "assignments.parquet")
    with pytest.raises(UserError, match="without known classes"):
        classes_of_run(run.path, 3)


@pytest.mark.parametrize(
    ("net", "clustering", "size"),
    [
        (ConcurlNet((1, 32, 32), 3, "resnet18"), "outcode", 256),
        (ConcurlNet((1, 32, 32), 3, "resnet18"), "nce_embeddings", 128),
        (ConcurlNet((1, 32, 32), 3, "resnet18"), "clust_head", 256),
        (DccmCNN((1, 32, 32), 3), "", 64),
    ],
)
def test_each_network_reads_clusters_and_the_features_to_refit_on(net, clustering, size):
    net.clustering = clustering
    clusters, features = reader(net.eval())(torch.rand(5, 3, 32, 32))
    assert features.shape == (5, size)
    assert clusters.shape == (5,)
    assert ((clusters >= 0) & (clusters < 3)).all()


def test_the_table_is_said_and_the_picture_lies_in_the_run_folder(run, monkeypatch):
    monkeypatch.setattr(shift, "FACTORS", {"hue": (0, 0.25), "blur": (0, 0.1)})
    told = io.StringIO()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)
    net = ConcurlNet((3, 32, 32), 3, "resnet18").eval()
    net.clustering = "outcode"
    rows = shift_of_run(run, net, pixels, np.array([5, 7] * 4), 0, Console(stream=told))
    assert [(row["factor"], row["amount"]) for row in rows] == [("hue", 0), ("hue", 0.25), ("blur", 0), ("blur", 0.1)]
    assert rows[0]["frozen"] == rows[2]["frozen"]
    assert [line.split()[0] for line in told.getvalue().splitlines()[1:]] == ["hue", "blur"]
    assert (run.path / "shift.svg").read_text().startswith("<svg")
