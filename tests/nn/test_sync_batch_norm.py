"""Two gloo processes, compared with one process that has the whole batch."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from raycluster.nn.collective import all_gather_with_gradient
from raycluster.nn.sync_batch_norm import SyncBatchNorm, synchronize_batch_norm

IMAGES = torch.from_numpy(np.random.default_rng(0).normal(2, 3, (6, 2, 5, 5)).astype(np.float32))
SPLITS = [slice(0, 3), slice(3, 6)]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3), nn.BatchNorm1d(3)
    )


def whole_batch_loss(embeddings: torch.Tensor) -> torch.Tensor:
    """A loss that couples all rows, as the triplet loss does."""
    return (torch.cdist(embeddings, embeddings) * torch.arange(36.0).view(6, 6)).sum() / 100


def train_two_steps(model: nn.Module, trained: nn.Module, images: torch.Tensor, gather) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        whole_batch_loss(gather(trained(images))).backward()
        optimizer.step()


def worker(rank: int) -> dict[str, np.ndarray]:
    model = synchronize_batch_norm(network())
    trained = nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)
    train_two_steps(model, trained, IMAGES[SPLITS[rank]], all_gather_with_gradient)
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.mark.slow
def test_two_workers_train_like_one_with_the_whole_batch(on_two_workers):
    by_rank = on_two_workers(worker)
    alone = network()
    train_two_steps(alone, alone, IMAGES, lambda tensor: tensor)
    for name, expected in alone.state_dict().items():
        np.testing.assert_allclose(by_rank[0][name], expected, atol=1e-6, rtol=1e-5, err_msg=name)
        np.testing.assert_array_equal(by_rank[0][name], by_rank[1][name], err_msg=name)


def test_converted_model_keeps_names_values_and_answers_in_evaluation_mode():
    model = network().eval()
    model[1].running_mean.fill_(0.5)
    converted = synchronize_batch_norm(copy.deepcopy(model))
    assert isinstance(converted[1], SyncBatchNorm)
    assert isinstance(converted[5], SyncBatchNorm)
    assert list(converted.state_dict()) == list(model.state_dict())
    torch.testing.assert_close(converted(IMAGES), model(IMAGES), atol=0, rtol=0)


def test_input_without_channels_is_refused():
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        SyncBatchNorm(3).train()(torch.zeros(3))
