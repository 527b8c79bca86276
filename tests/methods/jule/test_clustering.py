import numpy as np

from raycluster.graph.tree import MergeTree
from raycluster.methods.jule.clustering import judge, merge_clusters, merges_of, recluster
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


def test_training_that_did_not_help_is_answered_with_the_clusters_and_the_tree_of_its_start():
    rng = np.random.default_rng(0)
    of_start = np.repeat(np.arange(4, dtype=np.int32), 50)
    rows = (np.eye(4)[of_start] * 10 + rng.normal(size=(200, 4))).astype(np.float32)
    of_network = rng.permutation(of_start)
    embeddings = (np.eye(4)[of_network] * 10 + rng.normal(size=(200, 4))).astype(np.float32)
    both = np.hstack([rows, embeddings])
    found = judge(both, 4, of_start, of_network, DEFAULT)
    assert not found.effect.helped
    assert found.labels.tolist() == of_start.tolist()
    assert MergeTree(200, **merges_of(found)).cut(4).tolist() == of_start.tolist()
    better = judge(np.hstack([rows, rows]), 4, of_network, of_start, DEFAULT)
    assert better.effect.helped
    assert (better.labels, merges_of(better)) == (None, {})


def test_the_start_is_compared_at_as_many_clusters_as_there_are_after_training():
    of_start = np.repeat(np.arange(4, dtype=np.int32), 50)
    rows = (np.eye(4)[of_start] * 10 + np.random.default_rng(0).normal(size=(200, 4))).astype(np.float32)
    coarse = of_start // 2
    found = judge(np.hstack([rows, rows]), 4, coarse, of_start, DEFAULT)
    assert found.silhouette_before == found.silhouette_after
