import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from raycluster.clustering import rivals
from raycluster.clustering.rivals import Graph, check_installed, cluster_by, compare
from raycluster.errors import UserError
from raycluster.graph import nearest_neighbors, sample_affinity


@pytest.fixture(scope="module")
def digits():
    vectors, labels = load_digits(return_X_y=True)
    vectors = vectors[:600].astype(np.float32)
    neighbors, distances = nearest_neighbors(vectors, 10)
    return Graph(vectors, neighbors, sample_affinity(distances, kind="local"), 10), labels[:600]


def test_spectral_clustering_finds_digits_in_the_graph(digits):
    graph, labels = digits
    found, seconds = cluster_by("spectral", graph)
    assert len(np.unique(found)) == 10
    assert adjusted_rand_score(labels, found) > 0.6
    assert seconds > 0


def test_hdbscan_leaves_out_what_it_takes_for_noise():
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(c, 0.1, (50, 2)) for c in (0, 5)] + [rng.uniform(-20, 20, (10, 2))])
    vectors = vectors.astype(np.float32)
    neighbors, distances = nearest_neighbors(vectors, 10)
    found, _ = cluster_by("hdbscan", Graph(vectors, neighbors, sample_affinity(distances), 2))
    assert sorted(np.unique(found)) == [-1, 0, 1]
    assert (found[100:] == -1).sum() >= 8
    assert len(np.unique(found[:50])) == len(np.unique(found[50:100])) == 1


def test_clusterings_are_compared_without_classes():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0) + np.float32(0.01) * np.arange(12)[:, None]
    ours = np.repeat([0, 1, 2], 4).astype(np.int32)
    half = np.where(ours == 2, -1, ours).astype(np.int32)
    one = np.zeros(12, np.int32)
    found = compare({"ours": (ours, None), "half": (half, 1.5), "one": (one, 2.0)}, vectors)
    assert [row["clusters"] for row in found.values()] == [3, 2, 1]
    assert [row["clustered"] for row in found.values()] == [1, pytest.approx(2 / 3), 1]
    assert [row["seconds"] for row in found.values()] == [None, 1.5, 2.0]
    assert found["ours"]["agreement"] == found["half"]["agreement"] == 1  # what is left out counts as one cluster
    assert found["one"]["agreement"] == found["one"]["silhouette"] == 0
    assert found["ours"]["silhouette"] > 0.5


def test_a_missing_package_is_named_before_anything_is_done(monkeypatch):
    monkeypatch.setattr(rivals.importlib.util, "find_spec", lambda name: None)
    check_installed(["spectral", "hdbscan"])
    with pytest.raises(UserError, match="--compare evoc needs the package evoc: pip install evoc"):
        check_installed(["evoc"])
