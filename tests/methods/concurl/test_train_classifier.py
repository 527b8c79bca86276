"""The preset fast, on digits with a small trunk."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.datasets import load_digits

from raycluster.data.canvas import Canvas
from raycluster.data.feed import ResidentFeed
from raycluster.data.image.fit import prepare
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.errors import UserError
from raycluster.methods import find_method
from raycluster.methods.concurl import classifier_network
from raycluster.methods.concurl.classifier_network import classify
from raycluster.methods.concurl.settings import PRESETS
from raycluster.methods.concurl.train_classifier import PROTOTYPES, SMALL_CROPS, ClassifierTraining, train_classifier
from raycluster.methods.saved_network import load_network
from raycluster.training.in_process import train_in_process
from raycluster.training.local_context import LocalContext
from raycluster.training.trainer import TrainingRun
from tests.simulated_capture import let_capture
from tests.two_workers import OfTwo

N, K = 30, 3
QUICK = replace(PRESETS["fast"], epochs=2, batch_size=10, trunk="resnet18", evaluate_every=1)
FEW = {"prototypes": 12, "small_crops": 1}


@pytest.fixture(scope="module")
def digits():
    data = load_digits(n_class=K)
    images = (data.images[:N] * 255 / 16).round().astype(np.uint8)
    return np.stack([prepare(image, Canvas(1, 32, 32)) for image in images]), data.target[:N].astype(np.int64)


@pytest.fixture(scope="module")
def uninterrupted(digits):
    return train_classifier(QUICK, K, context_on(digits[0]), **FEW)


def context_on(images, folder=None, labels=None, seed=0, **kwargs):
    return LocalContext(ResidentFeed(images, seed=seed), seed=seed, labels=labels, folder=folder, **kwargs)


def test_the_preset_has_the_published_settings():
    s = PRESETS["fast"]
    assert (s.epochs, s.batch_size, s.learning_rate, s.weight_decay) == (500, 256, 5e-4, 1e-5)
    assert (s.milestones, PROTOTYPES, SMALL_CROPS) == ((0.3, 0.6, 0.8), 1000, 4)
    assert (s.epsilon, s.sinkhorn_iterations, s.head_temperature) == (0.05, 3, 0.1)
    assert not any(preset.classifier for name, preset in PRESETS.items() if name != "fast")
    assert PRESETS["default"].learning_rate_at(700, 1000) == pytest.approx(0.015 * 0.1**3)


def test_prototypes_wait_for_the_warm_up_and_rates_fall_at_milestones():
    training = ClassifierTraining(replace(QUICK, batch_size=30), K, context_on(np.zeros((30, 1, 32, 32), np.uint8)))
    assert training.rates_at(0, 10_000) == pytest.approx((1e-6, 0))
    assert training.rates_at(499, 10_000) == pytest.approx((5e-4, 0))
    assert training.rates_at(500, 10_000) == pytest.approx((5e-4, 5e-4))
    assert training.rates_at(9_999, 10_000) == pytest.approx((5e-4 * 0.4**3,) * 2)
    assert training.rates_at(10, 100) == pytest.approx((5e-4, 5e-4))  # a tenth of a short training


def test_a_step_moves_everything_but_the_prototypes_in_the_warm_up(digits):
    training = ClassifierTraining(replace(QUICK, epochs=10), K, context_on(digits[0]), **FEW)
    before = {name: value.detach().clone() for name, value in training.net.named_parameters()}
    row = training.train_epoch(0)  # of 30 steps in all, 3 are the warm-up
    for name, value in training.net.named_parameters():
        torch.testing.assert_close(value, before[name]) if name == "prototypes.weight" else None
        assert name == "prototypes.weight" or not torch.equal(value, before[name]), name
    assert row["loss"] == pytest.approx(row["agreement_loss"] + row["information_loss"], rel=1e-4)
    training.train_epoch(1)
    prototypes = training.net.prototypes.weight.detach()
    assert not torch.allclose(prototypes, before["prototypes.weight"])
    torch.testing.assert_close(prototypes.norm(dim=1), torch.ones(12))


def test_the_outcome_is_the_classifiers(digits, uninterrupted):
    outcome = uninterrupted
    assert outcome.reported == "classifier"
    np.testing.assert_array_equal(outcome.ids, np.arange(N))
    assert outcome.embeddings.shape == (N, 128)
    with torch.inference_mode():
        images = torch.from_numpy(digits[0])
        clusters = outcome.model.predict(outcome.model.prepare(images)).clusters.numpy()
    np.testing.assert_array_equal(outcome.clusterings["classifier"], clusters)
    again = find_method("concurl").recluster(outcome.model, digits[0], QUICK, 0)
    np.testing.assert_array_equal(again["classifier"]["frozen"], clusters)


@pytest.mark.slow
def test_labels_are_never_used_and_the_seed_decides(digits, uninterrupted):
    again = train_classifier(QUICK, K, context_on(digits[0], labels=digits[1]), **FEW)
    np.testing.assert_array_equal(again.embeddings, uninterrupted.embeddings)
    other = train_classifier(replace(QUICK, epochs=1), K, context_on(digits[0], seed=1), **FEW)
    assert not np.array_equal(other.embeddings, uninterrupted.embeddings)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_killed_run_continues_to_the_same_result(digits, uninterrupted, tmp_path, killed_after, rows):
    with killed_after(rows) as on_report:
        train_classifier(QUICK, K, context_on(digits[0], tmp_path, on_report=on_report), **FEW)
    continued = train_classifier(QUICK, K, context_on(digits[0], tmp_path), **FEW)
    np.testing.assert_array_equal(continued.embeddings, uninterrupted.embeddings)
    np.testing.assert_array_equal(continued.clusterings["classifier"], uninterrupted.clusterings["classifier"])


@pytest.mark.slow
def test_captured_steps_train_as_plain_ones_do(digits, simulated_capture):
    def trained(captured):
        training = ClassifierTraining(replace(QUICK, batch_size=5), K, context_on(digits[0]), **FEW)
        groups = [{"params": group["params"], "lr": torch.zeros(())} for group in training.optimizer.param_groups]
        training.optimizer = torch.optim.Adam(groups, fused=True)  # as on a GPU
        if captured:
            let_capture(training.step)
        return [training.train_epoch(epoch) for epoch in range(2)], training

    (rows, captured), (plain_rows, plain) = trained(True), trained(False)
    assert (len(captured.step._graphs), captured.step.remarks) == (1, [])
    assert rows == plain_rows
    for name, value in captured.net.state_dict().items():
        assert torch.equal(value, plain.net.state_dict()[name]), name


def worker(rank):
    images = torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).numpy()
    context = OfTwo(ResidentFeed(images, rank=rank, world_size=2), rank=rank, world_size=2)
    training = ClassifierTraining(replace(QUICK, batch_size=8), K, context, **FEW)
    training.generator.manual_seed(rank)
    training.model.train()
    training.take_step(torch.from_numpy(images[4 * rank : 4 * rank + 4]))
    kept = ("trunk.conv1.weight", "head.3.weight", "classifier.weight", "trunk.bn1.running_var", "prototypes.weight")
    return {name: value.numpy() for name, value in training.net.state_dict().items() if name in kept}


@pytest.mark.slow
def test_two_workers_stay_the_same(on_two_workers):
    first, second = on_two_workers(worker)
    assert len(first) == 5
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"cluster_on": "outcode"}, "leave out --cluster-on"),
        ({"backbone": "resnet50"}, "leave out --backbone"),
    ],
)
def test_settings_that_make_no_sense_are_errors(setting, says):
    with pytest.raises(UserError, match=says):
        replace(QUICK, **setting)


def test_one_image_per_worker_is_an_error(digits):
    with pytest.raises(UserError, match="batch needs at least 2"):
        ClassifierTraining(QUICK, K, context_on(digits[0][:1]))


def small_trunk(name):
    layers = []
    for channels, wider in ((3, 32), (32, 64), (64, 128)):
        layers += [torch.nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False)]
        layers += [torch.nn.BatchNorm2d(wider), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), 128


@pytest.mark.slow
def test_it_learns_digits_without_labels(monkeypatch):
    monkeypatch.setattr(classifier_network, "build_trunk", small_trunk)
    data = load_digits()
    some = np.rint(data.images[:900] * 15.9).astype(np.uint8)
    images = np.stack([prepare(image, Canvas(1, 32, 32)) for image in some])
    settings = replace(
        PRESETS["fast"], epochs=30, batch_size=128, learning_rate=2e-3, smallest_crop=0.5, flip=False, evaluate_every=1
    )
    context = context_on(images, labels=data.target[:900].astype(np.int64))
    train_classifier(settings, 10, context, prototypes=60, small_crops=2)
    acc = [row["quality"]["acc"] for row in context.rows if row["kind"] == "period"]
    losses = [row["agreement_loss"] for row in context.rows if row["kind"] == "epoch"]
    assert losses[-1] < losses[0] - 1  # of predictions; at first, nothing can be predicted
    assert acc[-1] > acc[0] + 0.1


@pytest.mark.slow
def test_a_run_with_the_preset_keeps_a_network_that_gives_the_same_clusters(digits_npz, tmp_path):
    method = find_method("concurl")
    settings = replace(QUICK, epochs=1, batch_size=40, flip=False)
    run = TrainingRun(method, settings, digits_npz, 5, str(tmp_path / "run"))
    images = load_images(open_images(run.data, canvas=CanvasSettings(square_sizes=method.square_sizes)))
    summary = train_in_process(run, images, 1)
    assert set(summary.quality) == {"classifier"}
    table = pq.read_table(tmp_path / "run" / "assignments.parquet")
    net = load_network(tmp_path / "run" / "model")
    np.testing.assert_array_equal(classify(net, images.pixels), table["cluster"].to_numpy())
    assert net.prototypes.out_features == 1000
    embedded = np.stack(pq.read_table(tmp_path / "run" / "embeddings")["embedding"].to_numpy(zero_copy_only=False))
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, rtol=1e-5)
