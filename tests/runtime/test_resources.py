import pytest

from raycluster.errors import UserError
from raycluster.runtime.resources import Node, Plan, has_room, parse_workers, plan_resources

TWO_CORES = [Node(2)]
EIGHT_GPUS = [Node(64, 8)]


@pytest.mark.parametrize(
    ("nodes", "asked", "expected"),
    [
        (TWO_CORES, {}, Plan(1, 2, 0, 0)),
        (TWO_CORES, {"workers": 2}, Plan(2, 1, 0, 0)),
        (TWO_CORES, {"streaming": True}, Plan(1, 1, 0, 0)),
        (TWO_CORES, {"workers": 2, "streaming": True}, Plan(2, 0.5, 0, 0)),
        ([Node(8), Node(8)], {"workers": 3}, Plan(3, 4, 0, 0)),  # 5 each would not fit: a worker is on one machine
        (EIGHT_GPUS, {}, Plan(8, 8, 0.9, 0.1)),
        (EIGHT_GPUS, {"gpus_per_worker": 1.0}, Plan(8, 8, 1.0, 0)),  # nothing is left for the driver
        (EIGHT_GPUS, {"workers": 4, "gpus_per_worker": 1.0}, Plan(4, 16, 1.0, 0.1)),
        (EIGHT_GPUS, {"gpus_per_worker": 0.0}, Plan(1, 64, 0.0, 0.1)),
        ([Node(8, 1)], {"workers": 2}, Plan(2, 4, 0.45, 0.1)),
        ([Node(8)], {"workers": (1, 4)}, Plan(1, 8, 0, 0, 4)),  # one for each machine, however many come
        ([Node(8)], {"workers": (2, 4), "streaming": True}, Plan(2, 3, 0, 0, 4)),
        ([Node(8), Node(8)], {"workers": (1, 4)}, Plan(1, 8, 0, 0, 4)),
        (EIGHT_GPUS, {"workers": (1, 16)}, Plan(1, 8, 0.9, 0.1, 16)),  # one for each GPU
    ],
)
def test_cores_and_gpus_are_shared_out(nodes, asked, expected):
    assert plan_resources(nodes, **asked) == expected


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8])
def test_a_core_is_left_to_ray_data_while_images_stream(workers):
    plan = plan_resources([Node(8)], workers=workers, streaming=True)
    assert plan.workers * plan.cpus_per_worker <= 7


@pytest.mark.parametrize(
    ("nodes", "asked", "sentence"),
    [
        (TWO_CORES, {"workers": 64}, "choose at most 2"),
        (TWO_CORES, {"workers": 0}, "--workers 0: choose at least 1"),
        (TWO_CORES, {"gpus_per_worker": 1.0}, "no GPU"),
        (TWO_CORES, {"gpus_per_worker": float("inf")}, "--gpus-per-worker inf: choose 0"),
        (TWO_CORES, {"gpus_per_worker": -1.0}, "--gpus-per-worker -1: choose 0"),
        (EIGHT_GPUS, {"gpus_per_worker": 1.5}, "whole number"),
        (TWO_CORES, {"workers": (2, 4), "streaming": True}, "--workers 2:4 needs a whole core for each of 2 workers"),
        (TWO_CORES, {"workers": (3, 4)}, "choose at most 2"),
        (EIGHT_GPUS, {"workers": 9, "gpus_per_worker": 1.0}, "choose fewer --workers"),
        ([Node(1)], {"streaming": True}, "or --feed resident"),
    ],
)
def test_impossible_requests_are_refused_in_a_sentence(nodes, asked, sentence):
    with pytest.raises(UserError, match=sentence):
        plan_resources(nodes, **asked)


def test_workers_are_a_number_or_a_range():
    assert [parse_workers(given) for given in (None, 3, "1:4")] == [None, 3, (1, 4)]
    for wrong in ("2:1", "0:2", "four", "1-4", "1:"):
        with pytest.raises(UserError, match=f"--workers {wrong}: choose a number, or the fewest and the most"):
            parse_workers(wrong)


def test_a_plan_is_said_in_words():
    assert str(Plan(1, 8, 0, 0, 4)) == "1 to 4 workers with 8 CPU cores each"
    assert str(Plan(1, 2, 0, 0)) == "1 worker with 2 CPU cores"
    assert str(Plan(2, 1, 0, 0)) == "2 workers with 1 CPU core each"
    assert str(Plan(8, 8, 0.9, 0.1)) == "8 workers with 8 CPU cores and 0.9 GPU each"


def test_there_is_room_where_each_worker_fits_on_one_machine():
    plan = Plan(2, 2.0, 0.5, 0.0)
    assert has_room([Node(4, 1)], plan)
    assert has_room([Node(2, 1), Node(3, 1)], plan)
    assert not has_room([Node(3, 1), Node(1, 1)], plan)
    assert not has_room([Node(8, 0)], plan)
    assert not has_room([], plan)
