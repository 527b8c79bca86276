"""The search for GPUs, on the CPU: it is the same arithmetic there."""

import faiss
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from raycluster.graph.neighbors import on_gpus
from raycluster.graph.neighbors.nearest import NeighborIndex, nearest_neighbors
from raycluster.graph.neighbors.on_gpus import nearest_on

CPU = torch.device("cpu")
DIGITS = load_digits().data.astype(np.float32)


def searched(features, k, queries=None, rows=None, devices=(CPU,)):
    return nearest_on(devices, features, features.mean(axis=0), features if queries is None else queries, k, rows)


def others(features, k, **kwargs):
    return searched(features, k, rows=np.arange(len(features), dtype=np.int32), **kwargs)


@pytest.mark.parametrize("blocks", ["one", "many"])
def test_the_neighbors_of_digits_are_those_of_the_search_on_the_cpu(monkeypatch, blocks):
    """Distances between digits are whole numbers, so that all of them, and all ties, are exact."""
    if blocks == "many":
        monkeypatch.setattr(on_gpus, "PRODUCT_BYTES", 2**19)
        monkeypatch.setattr(on_gpus, "DIFFERENCE_BYTES", 2**16)
    ids, distances = others(DIGITS, 25)
    expected_ids, expected_distances = nearest_neighbors(DIGITS, 25)
    np.testing.assert_array_equal(distances, expected_distances)
    # Of rows at the distance of the last neighbor, any will do.
    inner = distances < distances[:, -1:]
    np.testing.assert_array_equal(ids[inner], expected_ids[inner])
    assert (ids.dtype, distances.dtype) == (np.int32, np.float32)


def test_several_devices_share_the_queries(monkeypatch):
    monkeypatch.setattr(on_gpus, "PRODUCT_BYTES", 2**19)
    for found, expected in zip(others(DIGITS, 9, devices=[CPU, CPU, CPU]), others(DIGITS, 9), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_new_points_may_be_nearest_to_the_row_that_equals_them():
    ids, distances = searched(DIGITS, 3, DIGITS[100:110])
    np.testing.assert_array_equal(ids[:, 0], np.arange(100, 110))
    assert (distances[:, 0] == 0).all()


def test_a_row_is_not_its_own_neighbor_among_more_duplicates_than_are_found():
    features = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    features[5:45] = features[5]
    ids, distances = others(features, 4)
    assert (ids != np.arange(60)[:, None]).all()
    assert all(len(set(row)) == 4 for row in ids.tolist())
    assert np.isin(ids[5:45], np.arange(5, 45)).all()
    assert (distances[5:45] == 0).all()


def test_all_other_rows_can_be_neighbors():
    ids, distances = others(np.array([[0.0], [1.0], [3.0]], np.float32), 2)
    assert ids.tolist() == [[1, 2], [0, 2], [1, 0]]
    assert distances.tolist() == [[1, 9], [1, 4], [4, 9]]


def test_distances_are_exact_far_from_the_origin():
    points = (np.round(np.random.default_rng(0).normal(size=(200, 16)) * 64) / 64).astype(np.float32)
    for far, near in zip(others(points + 4096, 5), others(points, 5), strict=True):
        np.testing.assert_array_equal(far, near)


def test_an_index_searches_on_gpus_where_there_are_some(monkeypatch):
    def answers():
        index = NeighborIndex(DIGITS, 10)
        return [index.rows(), index.rows(1000, 1200), index.of(DIGITS[:7])]

    expected, asked, found = answers(), [], on_gpus.nearest_on
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(on_gpus, "gpus", lambda: [CPU])
    monkeypatch.setattr(on_gpus, "nearest_on", lambda *args: asked.append(args[4]) or found(*args))
    for ours, theirs in zip(answers(), expected, strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert asked == [10, 10, 10]
