import numpy as np

from raycluster.graph.kernel.clusters import CLUSTER
from raycluster.graph.kernel.pairs import HALF
from raycluster.graph.kernel.records import CACHE_LINE, aligned_records


def test_no_record_straddles_two_cache_lines():
    for n in (1, 7, 100_000):
        assert aligned_records(n, CLUSTER).ctypes.data % CACHE_LINE == 0
    assert aligned_records(5, HALF).shape == (5,)
    assert CACHE_LINE == 64
    assert CACHE_LINE % (2 * HALF.itemsize) == 0
    assert CLUSTER.itemsize == CACHE_LINE
    assert np.dtype(HALF).isalignedstruct
