"""ConCURL on several workers: one step on two gloo processes, and whole runs on Ray, in one of which a worker dies."""

import io
import json
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from raycluster.data.feed import Batch, ResidentFeed
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.streaming import StreamingFeed
from raycluster.methods import find_method
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.concurl.train import CLUSTERINGS, on_images, train_concurl
from raycluster.nn.collective import all_gather_with_gradient
from raycluster.nn.sync_batch_norm import synchronize_batch_norm
from raycluster.results.evaluate import EvaluateOptions, evaluate_run
from raycluster.runtime.checkpoint import load_latest
from raycluster.runtime.console import Console
from raycluster.training.local_context import LocalContext
from raycluster.training.trainer import TrainingRun, run_training

N = 61  # not divisible by two

# Without noise rows, a step has nothing random, so that it can be compared.
EXACT = ConcurlSettings(epochs=1, batch_size=8, noise=0, alpha=0.5, ensemble=2, projection_size=8, trunk="resnet18")
VIEWS = torch.rand(2, 8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([3, 1, 0, 7, 6, 2, 5, 4])


class OfTwo(LocalContext):
    """The context of one of two processes."""

    def wrap(self, model, sync_batchnorm=True):
        return torch.nn.parallel.DistributedDataParallel(synchronize_batch_norm(model), broadcast_buffers=False)

    def all_gather(self, tensor):
        return all_gather_with_gradient(tensor)

    def autocast(self):
        return torch.autocast("cpu", enabled=False)


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


@dataclass(frozen=True, kw_only=True)
class Breaking(ConcurlSettings):
    """Settings with a folder that records whether a worker has already died."""

    flags: str = ""


QUICK = Breaking(
    epochs=2, batch_size=20, noise=64, ensemble=4, projection_size=8, trunk="resnet18", evaluate_every=1,
    bank="partitioned",
)  # fmt: skip


def train_and_die_once(settings, clusters, context):
    """Train, and kill the last worker after its first checkpoint unless that has already happened."""
    flag = Path(settings.flags) / "died"
    save = context.save

    def save_and_die(tensors, state):
        save(tensors, state)
        if settings.flags and context.rank == context.world_size - 1 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    context.save = save_and_die
    return train_concurl(settings, clusters, context)


ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    data = load_digits(n_class=3)
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, images=(data.images[:N] * 255 / 16).astype(np.uint8), labels=data.target[:N])
    return str(path)


def train(digits, out, settings, **options):
    told = io.StringIO()
    run = TrainingRun(
        replace(find_method("concurl"), train=train_and_die_once), settings, digits, 3, str(out), **options
    )
    summary = run_training(run, Console(stream=told))
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return summary, rows, told.getvalue()


@pytest.mark.slow
def test_two_workers_recover_from_the_death_of_one_with_the_same_result(ray_session, digits, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    summary, rows, output = train(digits, whole, QUICK, workers=2)
    assert "The network takes 32 x 32 images, so all are resized from 8 x 8." in output
    assert [row["iteration"] for row in rows if row["kind"] == "epoch"] == [3, 6]
    assert set(summary.quality) == set(CLUSTERINGS)
    parts = [pq.read_table(part) for part in sorted((whole / "embeddings").iterdir())]
    assert [part.num_rows for part in parts] == [30, 31]

    _, rows, output = train(digits, broken, replace(QUICK, flags=str(tmp_path)), workers=2)
    assert "Training continues from the checkpoint" in output
    assert [row["kind"] for row in rows] == ["start", "epoch", "period", "start", "epoch", "period"]
    weights = load_file(broken / "model" / "model.safetensors")
    for name, value in load_file(whole / "model" / "model.safetensors").items():
        assert (weights[name] == value).all(), name
    assert pq.read_table(broken / "assignments.parquet") == pq.read_table(whole / "assignments.parquet")
    saved, expected = (load_latest(out / "checkpoints" / "training")[0] for out in (broken, whole))
    assert expected["bank.rows"].shape == (N, 128)
    for name in ("bank.rows", "bank.z_bar", "transforms"):
        assert torch.equal(saved[name], expected[name]), name

    found = evaluate_run(EvaluateOptions(run=str(whole)), Console(quiet=True))
    assert set(found["frozen"]) == {"trunk", "head", "nce"}
    assert set(found["consensus"]) == {"consensus", "seeds", "projections", "algorithms"}


@pytest.mark.slow
def test_all_streaming_images_are_clustered(ray_session, digits):
    feed = StreamingFeed(open_images(digits, canvas=CanvasSettings(square_sizes=find_method("concurl").square_sizes)))
    context = LocalContext(feed)
    outcome = train_concurl(replace(QUICK, epochs=1), 3, context)
    assert [row["iteration"] for row in context.rows if row["kind"] == "epoch"] == [3]
    np.testing.assert_array_equal(outcome.ids, np.arange(N))
    assert {len(clustering) for clustering in outcome.clusterings.values()} == {N}
