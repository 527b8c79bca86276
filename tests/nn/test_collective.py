"""The gradient of a gathered tensor, on two gloo processes."""

import torch

from raycluster.nn.collective import all_gather_with_gradient


def worker(rank: int) -> tuple[list, list]:
    own = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).add(10 * rank).requires_grad_()
    gathered = all_gather_with_gradient(own)
    # The losses differ: rank 0 weights row r by r + 1, and rank 1 by ten times as much.
    weights = torch.arange(1.0, 5.0)[:, None] * (1, 10)[rank]
    (gathered * weights).sum().backward()
    return gathered.tolist(), own.grad.tolist()


def test_every_worker_gets_all_rows_and_the_gradients_of_all_workers_are_summed(on_two_workers):
    answers = on_two_workers(worker)
    assert answers[0][0] == answers[1][0] == [[1, 2], [3, 4], [11, 12], [13, 14]]
    assert answers[0][1] == [[11, 11], [22, 22]]
    assert answers[1][1] == [[33, 33], [44, 44]]
