import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.metrics import transfer
from raycluster.metrics.transfer import ALGORITHMS, best_threshold, draw_pairs, transfer_scores, verification_scores


def blobs(classes=4, rows=30, apart=8.0, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), rows)
    features = np.eye(classes, 16)[labels] * apart + generator.normal(size=(len(labels), 16))
    return features.astype(np.float32), labels


def test_every_algorithm_finds_clear_classes_and_none_finds_classes_in_noise():
    features, labels = blobs()
    found = transfer_scores(features, labels)
    assert set(found) == set(ALGORITHMS)
    for algorithm, scores in found.items():
        assert scores["nmi"] > 0.75, algorithm
        assert scores["clustered"] > 0.75
    mixed = np.random.default_rng(0).permutation(labels)
    assert max(scores["nmi"] for scores in transfer_scores(features, mixed).values()) < 0.2


def test_rows_that_hdbscan_leaves_out_count_as_one_more_cluster():
    features, labels = blobs(classes=2, rows=40, apart=20)
    far = np.random.default_rng(1).normal(0, 300, (8, 16)).astype(np.float32)
    scores = transfer_scores(np.concatenate([features, far]), np.append(labels, [2] * 8))["HDBSCAN"]
    assert scores["clustered"] < 1
    assert scores["acc"] > 0.9


def test_large_sets_are_sampled(monkeypatch):
    monkeypatch.setattr(transfer, "SAMPLE", 50)
    seen = []
    monkeypatch.setattr(transfer, "_cluster", lambda _, rows, *rest: seen.append(len(rows)) or np.arange(len(rows)) % 4)
    transfer_scores(*blobs())
    assert set(seen) == {50}


def test_half_of_the_pairs_are_of_the_same_class_and_none_pairs_a_row_with_itself():
    labels = np.array([0, 1, 0, 2, 1, 0, 0])  # class 2 has no pair
    first, second, same = draw_pairs(labels, 2000, seed=0)
    assert np.count_nonzero(same) == 1000
    assert (labels[first] == labels[second]).tolist() == same.tolist()
    assert (first != second).all()
    drawn = {*zip(first.tolist(), second.tolist(), strict=True)}
    assert len(drawn) == 7 * 6  # every ordered pair
    for labels in ([0, 0, 0], [0, 1, 2]):
        with pytest.raises(UserError, match="take two classes"):
            draw_pairs(np.array(labels), 10, seed=0)


def test_the_best_threshold_makes_the_fewest_mistakes():
    scores = np.array([0.1, 0.4, 0.35, 0.8, 0.7])
    assert best_threshold(scores, np.array([False, False, True, True, True])) == 0.35
    assert best_threshold(scores, np.array([False, True, False, True, True])) == 0.4
    assert best_threshold(scores, np.array([True] * 5)) == 0.1


def test_pairs_are_verified_perfectly_in_clear_classes_and_by_chance_in_noise():
    features, labels = blobs(apart=30)
    scores = verification_scores(features, labels)
    assert scores == {"auc": 1.0, "accuracy": 1.0, "pairs": 6000}
    # The length of a row does not matter.
    lengths = np.random.default_rng(0).uniform(0.1, 10, (len(features), 1)).astype(np.float32)
    assert verification_scores(features * lengths, labels)["auc"] == pytest.approx(1.0)
    noise = np.random.default_rng(0).normal(size=features.shape).astype(np.float32)
    chance = verification_scores(noise, labels)
    assert (chance["auc"], chance["accuracy"]) == (pytest.approx(0.5, abs=0.1), pytest.approx(0.5, abs=0.1))
