import pytest

from raycluster.errors import UserError
from raycluster.options import SweepOptions
from raycluster.runtime.resources import Node
from raycluster.sweeps.allocation import Allocation, allocate


def test_cores_are_shared_out_so_that_threads_times_trials_are_no_more():
    def shares(nodes, cores=None, trials=99, **options):
        return allocate(nodes, SweepOptions(data="digits", out="", **options), trials, cores)

    assert shares([Node(2)]) == Allocation(2, 1.0, 0.0)
    assert shares([Node(8)], max_concurrent=3) == Allocation(3, 2.0, 0.0)
    assert shares([Node(4), Node(2)], max_concurrent=3) == Allocation(3, 2.0, 0.0)
    assert shares([Node(4), Node(4)], max_concurrent=3) == Allocation(3, 2.0, 0.0)
    assert shares([Node(2)], cores=1) == Allocation(1, 1.0, 0.0)
    assert shares([Node(16, 2)]) == Allocation(2, 8.0, 1.0)
    assert shares([Node(16, 2)], gpus_per_trial=0.5) == Allocation(4, 4.0, 0.5)
    # Fewer trials than cores have several each.
    assert shares([Node(16)], trials=3) == Allocation(3, 5.0, 0.0)
    assert shares([Node(16)], trials=1, max_concurrent=4) == Allocation(1, 16.0, 0.0)
    # GPUs on another machine than the cores, and parts of a GPU that do not add up.
    assert shares([Node(16), Node(2, 2)]) == Allocation(2, 1.0, 1.0)
    assert shares([Node(16, 2)], gpus_per_trial=0.4) == Allocation(4, 4.0, 0.4)
    # Trainers: one core is left to Ray Data, whatever is asked for.
    assert shares([Node(2)], workers=1, max_concurrent=2) == Allocation(2, 0.5, 0.0)
    assert shares([Node(9)], workers=2, max_concurrent=2) == Allocation(2, 2.0, 0.0)
    assert shares([Node(2)], workers=2) == Allocation(1, 0.5, 0.0)
    for nodes in ([Node(0.5), Node(0.5)], [Node(16), Node(0, 2)]):  # nothing that a trial could have waits there
        with pytest.raises(UserError, match="No trial fits on"):
            shares(nodes)
