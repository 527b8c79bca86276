import numpy as np
import pytest

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.hubs import (
    drift,
    give_back_number,
    has_hubs,
    raise_most,
    reset_drift,
    room_for_hubs,
    take_number,
)


def test_numbers_are_used_again_and_run_out():
    clusters = new_clusters(np.ones(5, np.int32), np.arange(5, dtype=np.int32))
    hubs = room_for_hubs(n_pairs=10, min_pairs=20)
    assert len(hubs.hub) == 2
    assert not has_hubs(hubs)
    assert take_number(hubs, clusters, 3)
    assert take_number(hubs, clusters, 1)
    assert not take_number(hubs, clusters, 2)
    assert clusters["hub"].tolist() == [-1, 1, -1, 0, -1]
    give_back_number(hubs, 0)
    assert hubs.hub["cluster"].tolist() == [-1, 1]
    assert take_number(hubs, clusters, 2)
    assert clusters["hub"][2] == 0


def test_an_affinity_falls_by_the_largest_s_times_the_change_of_the_inverse_square_of_the_size():
    clusters = new_clusters(np.array([10, 1], np.int32), np.arange(2, dtype=np.int32))
    hubs = room_for_hubs(1000)
    take_number(hubs, clusters, 0)
    reset_drift(hubs, clusters, 0)
    raise_most(hubs, clusters, 0, 8.0)
    raise_most(hubs, clusters, 0, 6.0)
    raise_most(hubs, clusters, 1, 100.0)  # which is no hub
    assert drift(hubs, clusters, 0) == 0
    clusters[0]["size"] = 20
    assert drift(hubs, clusters, 0) == pytest.approx(8 * (1 / 100 - 1 / 400))
    reset_drift(hubs, clusters, 0)
    assert drift(hubs, clusters, 0) == 0
