import numpy as np

from raycluster.methods.jule.clustering import merge_clusters, recluster
from raycluster.methods.jule.settings import PRESETS

DEFAULT = PRESETS["default"]


def groups_of_four():
    rng = np.random.default_rng(0)
    return (np.repeat(rng.normal(0, 10, (8, 32)), 4, axis=0) + rng.normal(size=(32, 32))).astype(np.float32)


def test_groups_smaller_than_the_neighbor_lists_are_counted():
    found = recluster(groups_of_four(), "auto", DEFAULT)
    assert found.counted["suggestions"][0]["n_clusters"] == found.n_clusters
    assert found.n_clusters == 8
    assert found.labels.tolist() == np.repeat(np.arange(8), 4).tolist()
    assert found.agreement == 1
    assert found.remarks == ()


def test_no_more_clusters_are_chosen_than_there_are():
    labels = np.repeat(np.arange(4, dtype=np.int32), 8)
    assert merge_clusters(groups_of_four(), labels, "auto", 1, DEFAULT).n_clusters == 4


def test_remarks_on_the_neighbors_and_on_the_number_of_clusters():
    noise = np.random.default_rng(0).normal(size=(100, 32)).astype(np.float32)
    assert "no clear clusters" in recluster(noise, "auto", DEFAULT).remarks[0]
    assert "n_neighbors=20" in recluster(noise[:15], 2, PRESETS["paper"]).remarks[0]
