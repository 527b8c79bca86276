"""ConCURL on two workers, which are gloo processes, and on streaming images."""

import contextlib
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from raycluster.data.feed import Batch, ResidentFeed
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.streaming import StreamingFeed
from raycluster.methods import find_method
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.concurl.train import on_images, train_concurl
from raycluster.runtime.checkpoint import load_latest
from raycluster.training.local_context import LocalContext
from tests.two_workers import OfTwo

N = 61  # not divisible by two

# Without noise rows, a step has nothing random, so that it can be compared.
EXACT = ConcurlSettings(epochs=1, batch_size=8, noise=0, alpha=0.5, ensemble=2, projection_size=8, trunk="resnet18")
VIEWS = torch.rand(2, 8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([3, 1, 0, 7, 6, 2, 5, 4])


def after_a_step(context, part):
    context.feed = ResidentFeed(np.zeros((8, 3, 32, 32), np.uint8), rank=context.rank, world_size=context.world_size)
    method = on_images(EXACT, 3, context)
    method.model.train()
    method.update(Batch(VIEWS[0, part], IDS[part]), *VIEWS[:, part])
    found = {name: value.clone() for name, value in method.net.state_dict().items()}
    return {name: value.numpy() for name, value in (found | {"bank": method.bank.rows.clone()}).items()}


def worker(rank: int) -> dict[str, np.ndarray]:
    found = after_a_step(OfTwo(None, rank=rank, world_size=2), slice(4 * rank, 4 * rank + 4))
    kept = ("bank", "prototypes.weight", "nce_head.weight", "head.3.weight", "trunk.conv1.weight")
    kept += ("trunk.bn1.running_var", "head.1.running_mean")
    return {name: value for name, value in found.items() if name in kept}


@pytest.mark.slow
def test_two_workers_take_the_same_step_as_one_with_the_whole_batch(on_two_workers):
    by_rank = on_two_workers(worker)

    class Exact(LocalContext):
        def autocast(self):
            return torch.autocast("cpu", enabled=False)

    alone = after_a_step(Exact(None), slice(None))
    assert len(by_rank[0]) == 7
    before = on_images(EXACT, 3, LocalContext(ResidentFeed(np.zeros((8, 3, 32, 32), np.uint8)))).net.state_dict()
    for name in set(by_rank[0]) - {"bank"}:  # the step is larger than the tolerance below
        assert not np.allclose(before[name], alone[name], atol=2e-4, rtol=1e-2), name
    for name, value in by_rank[0].items():
        np.testing.assert_allclose(value, alone[name], atol=2e-5, rtol=1e-3, err_msg=name)
        np.testing.assert_array_equal(value, by_rank[1][name], err_msg=name)


QUICK = ConcurlSettings(
    epochs=2, batch_size=20, noise=64, ensemble=4, projection_size=8, trunk="resnet18", evaluate_every=1,
    bank="partitioned",
)  # fmt: skip


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    data = load_digits(n_class=3)
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, images=(data.images[:N] * 255 / 16).astype(np.uint8), labels=data.target[:N])
    return str(path)


class Dies(Exception):
    """Both workers, after their first checkpoint."""


class Dying(OfTwo):
    """The context of one of two processes that die."""

    def save(self, tensors, state):
        super().save(tensors, state)
        raise Dies


def interrupted_and_whole(folder, images, rank):
    """Train to the end, and again with an interruption; return the ends of both as arrays by name, and their steps."""
    torch.manual_seed(rank)  # nothing may depend on it
    steps = []

    def train(kind, name):
        feed = ResidentFeed(images, rank=rank, world_size=2)
        context = kind(feed, folder=folder / name, rank=rank, world_size=2)
        outcome = train_concurl(QUICK, 3, context)
        saved, _ = load_latest(context.folder)
        arrays = {name: saved[name].numpy() for name in ("bank.rows", "bank.z_bar", "transforms")}
        arrays |= {name: value.numpy() for name, value in outcome.model.state_dict().items()}
        steps.append([row["iteration"] for row in context.rows if row["kind"] == "epoch"])
        return arrays | outcome.clusterings | {"embeddings": outcome.embeddings}

    whole = train(OfTwo, "whole")
    with contextlib.suppress(Dies):
        train(Dying, "broken")
    return train(OfTwo, "broken"), whole, steps


@pytest.mark.slow
def test_two_workers_continue_to_the_same_result(on_two_workers, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(N, 3, 32, 32), dtype=np.uint8)
    for continued, whole, steps in on_two_workers(partial(interrupted_and_whole, tmp_path, images)):
        assert steps == [[3, 6], [6]]
        assert whole["bank.rows"].shape == (N, 128)
        assert len(whole["embeddings"]) in (30, 31)
        for name, value in whole.items():
            np.testing.assert_array_equal(continued[name], value, err_msg=name)


@pytest.mark.slow
def test_all_streaming_images_are_clustered(ray_session, digits):
    feed = StreamingFeed(open_images(digits, canvas=CanvasSettings(square_sizes=find_method("concurl").square_sizes)))
    context = LocalContext(feed)
    outcome = train_concurl(replace(QUICK, epochs=1), 3, context)
    assert [row["iteration"] for row in context.rows if row["kind"] == "epoch"] == [3]
    np.testing.assert_array_equal(outcome.ids, np.arange(N))
    assert {len(clustering) for clustering in outcome.clusterings.values()} == {N}
