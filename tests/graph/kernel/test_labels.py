import numpy as np

from raycluster.graph.kernel.labels import join_labels, number_by_position, number_by_smallest_row, smallest_rows


def test_labels_of_any_kind_are_numbered_by_smallest_row():
    labels, kept, joined = number_by_smallest_row(np.array([30, -7, 30, 5, -7]))
    assert labels.tolist() == [0, 1, 0, 2, 1]
    assert (kept.tolist(), joined.tolist()) == ([0, 1], [2, 4])
    assert labels.dtype == kept.dtype == joined.dtype == np.int32


def test_clusters_are_numbered_by_the_position_of_their_rows():
    labels, rows = np.array([0, 1, 0, 2, 1], np.int32), np.array([3, 4, 1, 2, 0], np.int32)
    numbers, size, smallest_row = number_by_position(labels, rows)
    assert numbers.tolist() == [0, 1, 1, 2, 2]
    assert size.tolist() == [1, 2, 2]
    assert smallest_row.tolist() == [3, 1, 0]


def test_the_smallest_row_of_every_cluster():
    assert smallest_rows(np.array([1, 2, 0, 1, 0], np.int32)).tolist() == [2, 0, 1]


def test_joined_clusters_have_one_label():
    labels = np.array([0, 1, 2, 1, 3], np.int32)
    kept, joined = np.array([1, 0], np.int32), np.array([4, 1], np.int32)
    assert join_labels(labels, smallest_rows(labels), kept, joined).tolist() == [0, 0, 1, 0, 0]
