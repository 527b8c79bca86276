import numpy as np

from raycluster.data.labels import folder_labels, join_labels


def test_folders_are_numbered_by_name_and_files_outside_folders_are_unknown():
    labels, names = folder_labels(["test/dog/1.png", "train/cat/1.png", "train/dog/2.png", "loose.png"])
    assert names == ["cat", "dog"]
    assert labels.tolist() == [1, 0, 1, -1]
    assert folder_labels([f"{name}/1.png" for name in "gecabfdh"])[0].tolist() == [6, 4, 2, 0, 1, 5, 3, 7]


def test_integers_are_kept_and_files_without_labels_are_unknown():
    labels, names = join_labels([np.array([7, 3], np.uint8), None], [2, 3])
    assert (labels.dtype, labels.tolist(), names) == (np.int64, [7, 3, -1, -1, -1], None)


def test_texts_become_class_names_numbered_across_files():
    labels, names = join_labels([np.array(["b", "a"]), np.array(["c", None, "a"], dtype=object)], [2, 3])
    assert names == ["a", "b", "c"]
    assert labels.tolist() == [1, 0, 2, -1, 0]


def test_without_any_labels_there_are_none():
    assert join_labels([None, None], [2, 3]) == (None, None)


def test_negative_null_and_nan_labels_are_unknown():
    assert join_labels([np.array([3, -2, -1])], [3])[0].tolist() == [3, -1, -1]
    labels, names = join_labels([np.array([1.0, float("nan"), None], dtype=object)], [3])
    assert (labels.tolist(), names) == ([0, -1, -1], ["1.0"])
