from dataclasses import replace

import numpy as np
import pytest

from raycluster.report import arrangement
from raycluster.report.arrangement import arrange


@pytest.fixture(scope="module")
def arranged(content):
    return arrange(content)


def test_rows_are_in_the_order_of_leaves_the_most_central_first(content, arranged):
    assert (np.diff(arranged.leaf) >= 0).all()
    np.testing.assert_array_equal(np.sort(arranged.order), np.arange(400))
    np.testing.assert_array_equal(arranged.order[arranged.place], np.arange(400))
    big = np.bincount(arranged.leaf).argmax()
    rows = np.flatnonzero(arranged.leaf == big)
    members = content.vectors[arranged.order[rows]]
    distances = np.linalg.norm(members - members.mean(axis=0), axis=1)
    assert (np.diff(distances) >= -1e-6).all()


def test_neighbors_speak_of_rows_of_the_page(content, arranged):
    ids, squared = content.neighbors
    np.testing.assert_array_equal(arranged.order[arranged.neighbors[arranged.place[7]]], ids[7])
    np.testing.assert_allclose(arranged.distances[arranged.place[7]], np.sqrt(squared[7]))


def test_a_small_set_is_held_in_full_and_of_a_large_one_every_cluster_is_shown(content, arranged, monkeypatch):
    assert len(arranged.sample) == 400
    monkeypatch.setattr(arrangement, "IN_FULL", 200)
    sampled = arrange(content)
    assert 100 < len(sampled.sample) <= 200
    own = content.clusters[sampled.order]
    assert set(own[sampled.sample]) == set(range(10))
    for cluster in range(10):  # the least certain image of each cluster
        rows = np.flatnonzero(own == cluster)
        least = rows[content.confidence[sampled.order][rows].argmin()]
        assert (
            content.confidence[sampled.order][sampled.sample[own[sampled.sample] == cluster]].min()
            == (content.confidence[sampled.order][least])
        )
    assert set(sampled.outliers[:20]) <= set(sampled.sample)
    for leaf in np.argsort(-np.bincount(sampled.leaf))[:5]:  # the most central image of each large leaf
        assert np.flatnonzero(sampled.leaf == leaf)[0] in sampled.sample


def test_neighbors_are_searched_for_where_they_are_not_known(content, arranged):
    searched = arrange(replace(content, neighbors=None))
    np.testing.assert_array_equal(searched.neighbors, arranged.neighbors)
