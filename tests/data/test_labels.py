import numpy as np

from raycluster.data.labels import classes_of_texts, folder_labels, join_labels

NAMES = ["test/dog/1.png", "train/cat/1.png", "train/dog/2.png", "loose.png"]


def test_folders_below_the_source_are_numbered_by_name_and_files_outside_folders_are_unknown():
    labels, names, notes = folder_labels(NAMES)
    assert names == ["test", "train"]
    assert labels.tolist() == [0, 1, 1, -1]
    assert "the 2 folders just below the source; for the 2 folders that directly contain the files, set" in notes[0]
    assert folder_labels(["dog/1.png", "cat/1.png"])[1:] == (["cat", "dog"], [])


def test_the_folders_that_contain_files_are_classes_if_asked_for():
    labels, names, notes = folder_labels(NAMES, "last-folders")
    assert names == ["cat", "dog"]
    assert labels.tolist() == [1, 0, 1, -1]
    assert "set labels to folders" in notes[0]
    assert folder_labels([f"{name}/1.png" for name in "gecabfdh"])[0].tolist() == [6, 4, 2, 0, 1, 5, 3, 7]


def test_absolute_paths_are_taken_below_the_folder_that_they_share():
    names = ["/data/set/dog/x/1.png", "/data/set/cat/2.png", "/data/set/3.png", ""]
    labels, class_names, notes = folder_labels(names)
    assert (labels.tolist(), class_names) == ([1, 0, -1, -1], ["cat", "dog"])
    assert "the 2 folders just below the source" in notes[0]
    assert folder_labels(names, "last-folders")[1] == ["cat", "x"]
    assert folder_labels(["/data/1.png", "/data/2.png"])[0].tolist() == [-1, -1]


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


def test_texts_are_numbers_if_all_of_them_are():
    assert classes_of_texts(["3", None, "12"]).tolist() == [3, -1, 12]
    assert classes_of_texts(["3", None, "cat"]).tolist() == ["3", None, "cat"]
