import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.errors import UserError
from raycluster.metrics.probe import few_label_accuracy, probe_accuracy


def test_features_that_separate_classes_are_classified_on_held_out_images():
    digits = load_digits()
    found = probe_accuracy(digits.data[:500], digits.target[:500])
    assert found["accuracy"] > 0.85
    assert (found["train"], found["test"]) == (400, 100)
    noise = probe_accuracy(np.random.default_rng(0).normal(size=(500, 64)), digits.target[:500])
    assert noise["accuracy"] < 0.3


def test_unknown_classes_and_single_images_are_ignored():
    labels = np.array([0] * 10 + [1] * 10 + [-1] * 5 + [2])
    found = probe_accuracy(np.random.default_rng(0).normal(size=(26, 3)), labels)
    assert found["train"] + found["test"] == 20


def test_too_few_images_to_classify_are_an_error():
    with pytest.raises(UserError, match="4 images in 2 classes"):
        probe_accuracy(np.zeros((4, 2)), np.array([0, 0, 1, 1]))


def test_a_few_labels_suffice_where_classes_are_clear():
    labels = np.repeat([0, 1, 2], [30, 30, 4])
    features = np.eye(3, 8)[labels] * 20 + np.random.default_rng(0).normal(size=(64, 8))
    found = few_label_accuracy(features, labels)
    assert list(found) == ["1", "5", "10"]
    assert all(scores["neighbors"] == 1 and scores["linear"] > 0.85 for scores in found.values())
    mixed = few_label_accuracy(features, np.random.default_rng(0).permutation(labels))
    assert mixed["5"]["neighbors"] < 0.75
    # With one class of more than 10 rows, nothing is left to tell apart.
    assert list(few_label_accuracy(features[30:], labels[30:])) == ["1"]
