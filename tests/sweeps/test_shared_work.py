import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.methods.jule import METHOD
from raycluster.methods.jule.clustering import cluster_pixels, merge_clusters, pixel_rows, recluster
from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps import shared_work as sharing

DIGITS = (load_digits().images[:200] * 15).astype(np.uint8)


@pytest.mark.parametrize("n_neighbors", [None, 7])
def test_the_graph_on_pixels_is_built_once_and_changes_nothing(n_neighbors, tmp_path, monkeypatch):
    built = []

    def count(features, k):
        built.append(k)
        return find_neighbors(features, k)

    find_neighbors = sharing.find_neighbors
    monkeypatch.setattr(sharing, "find_neighbors", count)
    rows, graph = pixel_rows(DIGITS), JuleSettings(n_neighbors=n_neighbors)
    expected = cluster_pixels(rows, 10, graph)
    for _ in range(2):  # of two trials
        found = sharing.share_pixel_graph(tmp_path / "graphs", METHOD)(cluster_pixels, rows, n_clusters=10, graph=graph)
        for name in ("labels", "pixels", "left", "right", "affinity", "agreement", "neighbor_recall"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert built == [graph.neighbors_of(200)]


def test_graphs_on_features_are_every_trials_own(tmp_path):
    answer = sharing.share_pixel_graph(tmp_path / "graphs", METHOD)
    rows, graph = pixel_rows(DIGITS), JuleSettings()
    answer(recluster, rows, n_clusters=10, graph=graph)
    answer(merge_clusters, rows, labels=np.arange(200, dtype=np.int32), n_clusters=10, at_least=50, graph=graph)
    assert not (tmp_path / "graphs").exists()
