"""DCCM on two workers, which are gloo processes, and on streaming images."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.data.feed import ResidentFeed
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.streaming import StreamingFeed
from raycluster.methods import find_method
from raycluster.methods.dccm.settings import DccmSettings
from raycluster.methods.dccm.train import train_dccm
from raycluster.training.local_context import LocalContext
from tests.two_workers import OfTwo

N = 131  # not divisible by two


QUICK = DccmSettings(
    epochs=2, large_batch=32, small_batch=8, repeats=1, mi_places=4, learning_rate=1e-3, global_graph=True
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    data = load_digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, images=(data.images[:N] * 255 / 16).astype(np.uint8), labels=data.target[:N])
    return open_images(str(path), canvas=CanvasSettings(square_sizes=find_method("dccm").square_sizes))


def train(images, rank):
    """Train as one of two workers; return its steps, its ids, the clusterings, and the network."""
    context = OfTwo(ResidentFeed(images, rank=rank, world_size=2), rank=rank, world_size=2)
    outcome = train_dccm(QUICK, 10, context)
    weights = {name: value.numpy() for name, value in outcome.model.state_dict().items()}
    steps = [row["iteration"] for row in context.rows if row["kind"] == "epoch"]
    return steps, outcome.ids, outcome.clusterings, weights


@pytest.mark.slow
def test_two_workers_share_every_batch_and_train_one_network(on_two_workers, digits):
    first, second = on_two_workers(partial(train, load_images(digits).pixels))
    # 65 images on each worker make two large batches of 32, each with four small ones and two augmentations.
    assert first[0] == second[0] == [16, 32]
    assert (len(first[1]), len(second[1])) == (65, 66)
    np.testing.assert_array_equal(np.sort(np.concatenate([first[1], second[1]])), np.arange(N))
    assert set(first[2]) == {"population", "batch"}
    for ours, others in zip(first[2:], second[2:], strict=True):
        for name, value in ours.items():
            if "running" not in name:  # BatchNorm's own statistics
                np.testing.assert_array_equal(value, others[name], err_msg=name)


@pytest.mark.slow
def test_all_streaming_images_are_clustered(ray_session, digits):
    context = LocalContext(StreamingFeed(digits))
    outcome = train_dccm(replace(QUICK, epochs=1), 10, context)
    assert [row["iteration"] for row in context.rows if row["kind"] == "epoch"] == [32]
    np.testing.assert_array_equal(np.sort(outcome.ids), np.arange(N))
    assert {len(clustering) for clustering in outcome.clusterings.values()} == {N}
