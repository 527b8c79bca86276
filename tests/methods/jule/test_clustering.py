from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits

from raycluster.graph import linkage
from raycluster.graph.stages.isolated import join_isolated
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


def test_wherever_k_is_reached_the_clusters_count():
    images = load_digits().data.astype(np.float32)
    found = recluster(images, 10, DEFAULT)
    assert found.joined == {"joined_clusters": 1, "joined_rows": 27}
    assert np.bincount(found.labels).min() > 27
    kept = recluster(images, 10, replace(DEFAULT, join_small_clusters=False))
    assert kept.joined["joined_rows"] == 0
    sizes = np.bincount(kept.labels)
    odd = kept.labels == sizes.argmin()
    assert np.count_nonzero(odd) == 27
    np.testing.assert_array_equal(found.outliers, odd)
    assert not kept.outliers.any()
    # A period that ends above K cuts the tree at its moment.
    halfway = merge_clusters(images, np.arange(1797, dtype=np.int32), 10, 12, DEFAULT)
    assert (halfway.labels.max() + 1, halfway.joined["joined_rows"]) == (12, 0)


def test_a_number_that_was_chosen_keeps_the_clusters_it_was_chosen_with():
    chosen = recluster(load_digits().data.astype(np.float32), "auto", DEFAULT)
    assert chosen.joined == {"joined_clusters": 0, "joined_rows": 0}


def test_the_preset_of_the_paper_joins_isolated_clusters_as_the_released_code_does(monkeypatch):
    images = load_digits().data.astype(np.float32)
    asked = []
    monkeypatch.setattr(linkage, "join_isolated", lambda *args: asked.append(args[2].max() + 1) or join_isolated(*args))
    recluster(images, 10, PRESETS["paper"])
    first = recluster(images, 10, DEFAULT).first.max() + 1
    assert asked == [first]  # its share of 10% is below 20 K
    recluster(images, 1, PRESETS["paper"])
    assert asked[1:] == [first, 39]
    recluster(images, "auto", PRESETS["paper"])
    recluster(images, 10, DEFAULT)
    assert len(asked) == 3


def test_training_that_did_not_help_is_answered_with_the_clusters_and_the_tree_of_its_start():
    rng = np.random.default_rng(0)
    of_start = np.repeat(np.arange(4, dtype=np.int32), 50)
    rows = (np.eye(4)[of_start] * 10 + rng.normal(size=(200, 4))).astype(np.float32)
    of_network = rng.permutation(of_start)
    embeddings = (np.eye(4)[of_network] * 10 + rng.normal(size=(200, 4))).astype(np.float32)
    both = np.hstack([rows, embeddings])
    found = judge(both, 4, of_start, of_network, DEFAULT)
    assert not found.helped
    assert found.labels.tolist() == of_start.tolist()
    assert MergeTree(200, **merges_of(found)).cut(4).tolist() == of_start.tolist()
    better = judge(np.hstack([rows, rows]), 4, of_network, of_start, DEFAULT)
    assert better.helped
    assert (better.labels, merges_of(better)) == (None, {})


def test_the_start_is_compared_at_as_many_clusters_as_there_are_after_training():
    of_start = np.repeat(np.arange(4, dtype=np.int32), 50)
    rows = (np.eye(4)[of_start] * 10 + np.random.default_rng(0).normal(size=(200, 4))).astype(np.float32)
    coarse = of_start // 2
    found = judge(np.hstack([rows, rows]), 4, coarse, of_start, DEFAULT)
    assert found.silhouette_before == found.silhouette_after
