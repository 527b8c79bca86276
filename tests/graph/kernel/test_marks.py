import numpy as np

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.marks import clear_marks, no_marks, set_mark


def test_marks_are_listed_until_they_are_cleared():
    clusters, marks = new_clusters(np.ones(4, np.int32), np.arange(4, dtype=np.int32)), no_marks(4)
    set_mark(marks, clusters, 2, 7)
    set_mark(marks, clusters, 0, 5)
    assert clusters["mark"].tolist() == [5, -1, 7, -1]
    assert marks.cluster[: marks.counts[0]].tolist() == [2, 0]
    clear_marks(marks, clusters)
    assert clusters["mark"].tolist() == [-1] * 4
    assert marks.counts[0] == 0
