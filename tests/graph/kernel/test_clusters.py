import numpy as np

from raycluster.graph.kernel.clusters import CLUSTER, new_clusters
from raycluster.graph.kernel.records import CACHE_LINE


def test_a_cluster_is_one_cache_line():
    assert CLUSTER.itemsize == CACHE_LINE
    assert new_clusters(np.ones(3, np.int32), np.arange(3, dtype=np.int32)).ctypes.data % CACHE_LINE == 0


def test_new_clusters_have_no_pairs_marks_or_scores():
    clusters = new_clusters(np.array([2, 1], np.int32), np.array([0, 2], np.int32))
    assert clusters["size"].tolist() == [2, 1]
    assert clusters["smallest_row"].tolist() == [0, 2]
    assert clusters["first_half"].tolist() == clusters["mark"].tolist() == [-1, -1]
    assert clusters["n_pairs"].tolist() == [0, 0]
    assert clusters["score"].tolist() == [-1, -1]
