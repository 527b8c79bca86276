"""The graph loss over the small batches of two workers, on two gloo processes."""

import torch

from raycluster.methods.dccm.losses import graph_loss, make_targets
from raycluster.nn.collective import all_gather_with_gradient

GENERATOR = torch.Generator().manual_seed(0)
CLEAN, PREDICTED = (torch.randn(12, 4, generator=GENERATOR).softmax(1) for _ in range(2))


def worker(rank: int) -> tuple[float, list]:
    clean, predicted = CLEAN.split(6)[rank], PREDICTED.split(6)[rank].clone().requires_grad_()
    links = make_targets(clean, 0.95, 0.9, all_gather_with_gradient(clean)).links
    loss = graph_loss(predicted, links, all_gather_with_gradient(predicted))
    loss.backward()
    return loss.item(), predicted.grad.tolist()


def test_two_workers_compute_the_loss_and_gradient_of_one_with_the_whole_batch(on_two_workers):
    answers = on_two_workers(worker)
    whole = PREDICTED.clone().requires_grad_()
    loss = graph_loss(whole, make_targets(CLEAN, 0.95, 0.9).links)
    loss.backward()
    assert abs(sum(answers[rank][0] for rank in range(2)) / 2 - loss.item()) < 1e-6
    # Gradients are averaged over the workers, as in DistributedDataParallel.
    gradient = torch.cat([torch.tensor(answers[rank][1]) for rank in range(2)]) / 2
    torch.testing.assert_close(gradient, whole.grad, atol=1e-6, rtol=1e-5)
