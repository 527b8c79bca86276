import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.methods import find_method
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.saved_network import load_network
from raycluster.nn.features import frozen_features
from raycluster.runtime.checkpoint import load_latest
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps import objective_callback as module
from raycluster.sweeps.objective_callback import BATCH, ObjectiveCallback, adopt_checkpoint, embedding_now
from raycluster.sweeps.pooling import read_clustered_embeddings
from raycluster.sweeps.sample import load_sample
from raycluster.training.in_process import train_in_process
from raycluster.training.trainer import TrainingRun

TINY = {
    "jule": {"epochs_per_period": 2, "rounds": 0, "unroll_rate": 0.5},
    "dccm": {"epochs": 2, "repeats": 1, "augmentations": 1, "mi_places": 4, "large_batch": 100},
}


def train(digits_npz, out, method="jule", on_save=None, **settings):
    chosen = find_method(method)
    settings = chosen.settings(**(TINY[method] | settings))
    run = TrainingRun(chosen, settings, digits_npz, 5, str(out))
    images = load_images(open_images(digits_npz, canvas=CanvasSettings(square_sizes=chosen.square_sizes)))
    train_in_process(run, images, 1, on_save(images) if on_save else None)
    return run, images


def every(interval, folder=Path("nowhere")):
    return lambda epochs: None if epochs % interval else folder


@pytest.fixture
def told(monkeypatch):
    """Return what a look tells Ray Tune: metrics and checkpoint folders."""
    heard = []

    def report(metrics, checkpoint=None):
        files = sorted(p.name for p in module.Path(checkpoint.path).iterdir()) if checkpoint else None
        heard.append((metrics, files))

    monkeypatch.setattr(module.tune, "report", report)
    return heard


@pytest.mark.parametrize("method", ["jule", pytest.param("dccm", marks=pytest.mark.slow)])
def test_looks_are_taken_at_their_interval_and_change_nothing(method, digits_npz, tmp_path, told):
    looked, _ = train(
        digits_npz,
        tmp_path / "looked",
        method,
        lambda images: ObjectiveCallback(images, 5, "nmi", 0, every(2), False),
    )
    unseen, _ = train(digits_npz, tmp_path / "unseen", method)
    epochs = [metrics["epochs"] for metrics, _ in told]
    assert epochs
    assert epochs == [2 * (i + 1) for i in range(len(epochs))]
    assert all(-1 <= metrics["objective"] <= 1 for metrics, _ in told)
    assert {files for _, files in told} == {None}
    for name in ("embeddings", "clusters"):
        found = [
            dict(zip(("embeddings", "clusters"), read_clustered_embeddings(RunDir(run.out)), strict=True))
            for run in (looked, unseen)
        ]
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_the_embedding_now_is_that_of_the_network_as_it_is(digits_npz, tmp_path):
    run, images = train(digits_npz, tmp_path / "run")
    net = load_network(tmp_path / "run" / "model").train()
    found = embedding_now(torch.nn.Sequential(net), images.pixels)
    assert net.training
    np.testing.assert_allclose(found, read_clustered_embeddings(RunDir(run.out))[0], atol=1e-5)
    np.testing.assert_array_equal(found, frozen_features(net.eval(), images.pixels)["embedding"])


def test_a_trial_goes_on_from_anothers_checkpoint_with_its_own_settings(digits_npz, tmp_path, told, monkeypatch):
    handed = tmp_path / "handed"

    def keep_first(metrics, checkpoint):
        if not handed.exists():
            module.shutil.copytree(checkpoint.path, handed)

    monkeypatch.setattr(module.tune, "report", keep_first)
    train(
        digits_npz,
        tmp_path / "giver",
        on_save=lambda images: ObjectiveCallback(images, 5, "nmi", 0, every(2), True),
    )
    assert {path.name for path in handed.iterdir()} == {"000001", "metrics.jsonl"}

    class Stop(Exception):
        pass

    def stop_at_once(images):
        def stop(context, folder):
            raise Stop

        return stop

    with pytest.raises(Stop):
        train(digits_npz, tmp_path / "taker", on_save=stop_at_once, learning_rate=0.5)
    chosen = find_method("jule")
    settings = chosen.settings(**TINY["jule"], learning_rate=0.02)
    taker = TrainingRun(chosen, settings, digits_npz, 5, str(tmp_path / "taker"))
    adopt_checkpoint(taker, handed)
    seen = []
    train_in_process(
        taker, load_images(open_images(digits_npz)), 1, lambda context, folder: seen.append(context.epochs)
    )
    assert seen[0] in (2, 3)  # the giver had trained two epochs
    rows = RunDir(taker.out).rows()
    assert [row["continued"] for row in rows if row["kind"] == "start"] == [False, True]
    config = json.loads((tmp_path / "taker" / "config.json").read_text())
    assert config["identity"]["learning_rate"] == 0.02


def look_at(model, images, objective="nmi", folder=Path("nowhere")):
    ObjectiveCallback(images, 5, objective, 3, every(1, folder), False)(SimpleNamespace(model=model, epochs=1), None)


def test_for_a_pooled_score_a_sample_is_left_for_the_other_trials(digits_npz, tmp_path, told):
    images = load_images(open_images(digits_npz))
    net = JuleCNN(images.shape).eval()
    look_at(net, images, "pooled_rank", tmp_path / "000001")
    assert told == [({"epochs": 1}, None)]
    sample = load_sample(tmp_path / "000001" / "0003.npz")
    np.testing.assert_array_equal(sample.embeddings, embedding_now(net, images.pixels))
    assert len(np.unique(sample.clusters)) == 5
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    look_at(net, images, "pooled_rank", tmp_path / "000002")
    assert told[1] == ({"epochs": 1, "objective": -1.0}, None)
    assert not (tmp_path / "000002").exists()


def test_a_network_that_has_diverged_is_told_as_the_worst_of_all(digits_npz, told):
    images = load_images(open_images(digits_npz))
    net = JuleCNN(images.shape).eval()
    look_at(net, images)
    assert -1 < told[0][0]["objective"] <= 1
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    look_at(net, images)
    assert told[1][0] == {"objective": -1.0, "epochs": 1}


def test_with_an_objective_by_labels_those_images_are_looked_at_that_have_one(digits_npz, told):
    images = load_images(open_images(digits_npz))
    few = np.full(images.n, -1)
    few[[3, 50, 90]] = [0, 1, 2]  # fewer than clusters
    look_at(JuleCNN(images.shape).eval(), replace(images, labels=few), "nmi")
    assert told[0][0]["objective"] == pytest.approx(1.0)  # each is a cluster by itself


@pytest.mark.slow
def test_the_population_of_dccm_is_measured_in_batches_of_moderate_size():
    net, sizes = DccmCNN((1, 32, 32), 3), []
    net.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH + 1, 1, 32, 32), np.uint8)
    assert embedding_now(net, pixels).shape[0] == BATCH + 1
    assert max(sizes) <= BATCH
    assert min(sizes[:2]) >= BATCH // 2  # none so small that its statistics are worth nothing


def test_a_takeover_that_is_killed_leaves_no_checkpoint_in_pieces(digits_npz, tmp_path):
    run, _ = train(digits_npz, tmp_path / "taker")
    training = tmp_path / "taker" / "checkpoints" / "training"
    before = load_latest(training)
    handed = tmp_path / "handed"
    shutil.copytree(training, handed)
    (handed / "000009").mkdir()
    (handed / "000009" / "tensors.safetensors").symlink_to("nowhere")
    with pytest.raises(shutil.Error):
        adopt_checkpoint(run, handed)  # as if killed while it copies
    assert load_latest(training)[1] == before[1]
    shutil.rmtree(handed / "000009")
    with pytest.raises(FileNotFoundError):
        adopt_checkpoint(run, handed)  # there are no metrics: as if killed before these are copied
    assert load_latest(training) is None
    shutil.copy(tmp_path / "taker" / "metrics.jsonl", handed)
    adopt_checkpoint(run, handed)
    assert load_latest(training)[1] == before[1]
    assert [path.name for path in training.parent.iterdir()] == ["training"]
