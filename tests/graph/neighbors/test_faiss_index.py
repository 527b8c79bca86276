import numpy as np
import pytest

from raycluster.graph.neighbors import faiss_index
from raycluster.graph.neighbors.faiss_index import Search, build_flat, build_lists, can_be_exact


def clusters(n, d=8, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(40, d))[rng.integers(0, 40, n)] + 0.1 * rng.normal(size=(n, d))).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "d", "n_gpus", "expected"),
    [
        (70_000, 784, 0, True),
        (150_000, 160, 0, True),
        (300_000, 160, 0, False),
        (1_000_000, 160, 1, True),
        (2_000_000, 160, 1, False),
        (2_000_000, 160, 4, True),
    ],
)
def test_the_search_is_exact_up_to_a_size(n, d, n_gpus, expected):
    assert can_be_exact(n, d, n_gpus) is expected


def test_the_flat_index_has_all_rows_centered(monkeypatch):
    monkeypatch.setattr(faiss_index, "BLOCK_ROWS", 7)
    rows = clusters(20)
    index = build_flat(rows, rows[3])
    np.testing.assert_array_equal(index.reconstruct_n(0, 20), rows - rows[3])


def test_recall_is_what_a_comparison_of_all_rows_finds(monkeypatch):
    monkeypatch.setattr(faiss_index, "LIST_PENALTY", 0)
    monkeypatch.setattr(faiss_index, "BLOCK_ROWS", 1000)
    rows = clusters(4000)
    mean = rows.mean(axis=0)
    exact = build_flat(rows, mean).search(rows - mean, 11)[1]
    for wanted, lowest in ((0.0, 0.5), (0.98, 0.97)):
        monkeypatch.setattr(faiss_index, "MIN_RECALL", wanted)
        index, chosen = build_lists(rows, mean, 11, seed=0)
        found = index.search(rows - mean, 11)[1]
        recall = np.mean([len(np.intersect1d(a, b)) / 11 for a, b in zip(exact, found, strict=True)])
        assert chosen.recall == pytest.approx(recall, abs=0.02)
        assert recall > lowest
        assert (chosen.kind, chosen.n_lists) == ("lists", 102)
        assert chosen.n_probes == (8 if wanted == 0 else index.nprobe)


def test_more_lists_are_probed_until_the_recall_is_good(monkeypatch):
    monkeypatch.setattr(faiss_index, "LIST_PENALTY", 0)
    rows = np.random.default_rng(0).normal(size=(4000, 16)).astype(np.float32)
    _, chosen = build_lists(rows, rows.mean(axis=0), 11, seed=0)
    assert chosen.recall >= 0.98
    assert chosen.n_probes > 16


def test_the_probing_ends_with_all_lists_even_if_the_recall_is_not_good(monkeypatch):
    monkeypatch.setattr(faiss_index, "LIST_PENALTY", 0)
    monkeypatch.setattr(faiss_index, "MIN_RECALL", 1.1)
    rows = clusters(400)
    index, chosen = build_lists(rows, rows.mean(axis=0), 11, seed=0)
    assert chosen == Search("lists", 1.0, 10, 10)
    assert index.nprobe == 10


@pytest.mark.parametrize("rows", [np.random.default_rng(0).normal(size=(4000, 64)), np.ones((500, 3))])
def test_features_without_structure_are_searched_exactly(rows):
    rows = rows.astype(np.float32)
    assert build_lists(rows, rows.mean(axis=0), 11, seed=0) == (None, Search("exact"))


def test_any_of_many_identical_rows_counts_as_found(monkeypatch):
    monkeypatch.setattr(faiss_index, "LIST_PENALTY", 0)
    rows = np.repeat(clusters(30), 100, axis=0)
    _, chosen = build_lists(rows, rows.mean(axis=0), 11, seed=0)
    assert chosen.recall == 1
    assert chosen.n_probes == 8


def test_the_choice_is_described_in_words():
    assert str(Search()) == "exact search"
    words = "approximate search in 16 of 4,000 lists of rows; it finds 98.3% of the true neighbors"
    assert str(Search("lists", 0.983, 4000, 16)) == words
