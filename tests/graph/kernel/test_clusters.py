import numpy as np

from raycluster.graph.kernel.clusters import CLUSTER, first_state
from raycluster.graph.kernel.compiled import CACHE_LINE


def test_a_cluster_is_one_cache_line():
    assert CLUSTER.itemsize == CACHE_LINE
    assert first_state(np.ones(3, np.int32), np.arange(3, dtype=np.int32)).ctypes.data % CACHE_LINE == 0


def test_clusters_begin_without_pairs_marks_or_scores():
    clusters = first_state(np.array([2, 1], np.int32), np.array([0, 2], np.int32))
    assert clusters["size"].tolist() == [2, 1]
    assert clusters["smallest_row"].tolist() == [0, 2]
    assert clusters["first_half"].tolist() == clusters["mark"].tolist() == [-1, -1]
    assert clusters["n_pairs"].tolist() == [0, 0]
    assert clusters["score"].tolist() == [-1, -1]
