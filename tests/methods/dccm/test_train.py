import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from raycluster.data.canvas import Canvas
from raycluster.data.feed import ResidentFeed
from raycluster.data.image.fit import prepare
from raycluster.errors import UserError
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.dccm.settings import PRESETS
from raycluster.methods.dccm.train import _Dccm, train_dccm
from raycluster.nn.pixels import rgb
from raycluster.training.local_context import LocalContext
from tests.simulated_capture import let_capture

QUICK = replace(PRESETS["default"], epochs=2, large_batch=24, small_batch=8, repeats=1, mi_places=4, learning_rate=1e-3)


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    images = (data.images[:60] * 255 / 16).round().astype(np.uint8)
    return np.stack([prepare(image, Canvas(1, 32, 32)) for image in images]), data.target[:60].astype(np.int64)


@pytest.fixture(scope="module")
def uninterrupted(digits):
    context = context_on(digits[0])
    return train_dccm(QUICK, 10, context), context.rows


def context_on(images, folder=None, labels=None, seed=0, **kwargs):
    return LocalContext(ResidentFeed(images, seed=seed), seed=seed, labels=labels, folder=folder, **kwargs)


def first_batch(images, **settings):
    """A method on its first large batch, and the first small batch of it."""
    method = _Dccm(replace(QUICK, **settings), 10, context_on(images))
    large = next(iter(method.feed.train_batches(method.settings.large_batch, 0)))
    return method, next(method.small_batches(large, method.predict_clean(large.images)))


def test_defaults_are_the_released_settings_and_the_paper_adds_losses_on_clean_images():
    s = PRESETS["default"]
    assert (s.epochs, s.large_batch, s.small_batch, s.repeats, s.augmentations) == (200, 1000, 32, 10, 2)
    assert (s.graph_threshold, s.label_threshold, s.alpha, s.beta, s.learning_rate) == (0.95, 0.9, 5, 0.05, 1e-4)
    assert (s.loss_on_clean, s.label_loss, s.mi_mode, s.mi_places) == (False, "bce", "triplet", None)
    assert PRESETS["paper"] == replace(s, loss_on_clean=True, beta=0.1)


def test_the_first_step_has_the_expected_losses(digits):
    method, small = first_batch(digits[0], large_batch=60, small_batch=30, mi_places=None)
    method.update(small.views[0], small.partners[0], small)
    loss, graph, label, information, norm, updates = method.sums["losses"].tolist()
    assert information == pytest.approx(2 * math.log(2), abs=0.05)
    # The identity passes rectified features on, so some images are confident before anything is learned.
    confident, density = method.sums["targets"][:2].tolist()
    assert label == (0 if confident == 0 else pytest.approx(0, abs=0.02))
    assert confident < 0.05
    assert density < 0.03  # apart from the diagonal
    assert loss == pytest.approx(graph + 0.05 * information, rel=1e-5)
    assert norm > 0
    assert updates == 1


@pytest.mark.slow
def test_a_thousand_images_take_620_updates(digits):
    images = np.resize(digits[0], (1000, 1, 32, 32))
    method = _Dccm(PRESETS["default"], 10, context_on(images))
    sizes = []
    method.update = lambda view, partners, small: sizes.append(len(view))
    method.describe_epoch = lambda seen: {}
    method.train_epoch(0)
    assert sizes == [32] * 620


def test_no_gradient_reaches_the_clean_images_and_all_augmentations_share_targets(digits):
    method, small = first_batch(digits[0])
    probabilities = method.predict_clean(torch.from_numpy(digits[0][:24]))
    assert probabilities.grad_fn is None
    assert len(small.views) == len(small.partners) == 2
    assert not torch.equal(*small.views)
    assert not torch.equal(small.partners[0].chosen, small.partners[1].chosen)
    calls = []
    method.predict_clean = lambda images: calls.append(len(images)) or probabilities[: len(images)]
    method.train_epoch(0)
    assert calls == [24, 24]  # for 2 large batches with 3 small ones each, and 2 updates per small batch
    assert method.updates == 12


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_and_another_seed_does_not(digits, uninterrupted):
    outcome, _ = uninterrupted
    again = train_dccm(QUICK, 10, context_on(digits[0], labels=digits[1]))  # labels are for reporting only
    np.testing.assert_array_equal(again.embeddings, outcome.embeddings)
    np.testing.assert_array_equal(again.clusterings["population"], outcome.clusterings["population"])
    other = train_dccm(replace(QUICK, epochs=1), 10, context_on(digits[0], seed=1))
    assert not np.array_equal(other.embeddings, outcome.embeddings)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_killed_run_continues_to_the_same_result(digits, uninterrupted, tmp_path, killed_after, rows):
    with killed_after(rows) as on_report:
        train_dccm(QUICK, 10, context_on(digits[0], tmp_path, on_report=on_report))
    continued = train_dccm(QUICK, 10, context_on(digits[0], tmp_path))
    outcome, _ = uninterrupted
    for name, clustering in outcome.clusterings.items():
        np.testing.assert_array_equal(continued.clusterings[name], clustering)
    np.testing.assert_array_equal(continued.embeddings, outcome.embeddings)


def test_every_image_has_a_cluster_in_both_modes(digits, uninterrupted):
    outcome, _ = uninterrupted
    assert (outcome.reported, outcome.merges) == ("population", None)
    for clustering in (outcome.clusterings["population"], outcome.clusterings["batch"]):
        assert clustering.shape == (60,)
        assert ((clustering >= 0) & (clustering < 10)).all()
    assert outcome.embeddings.shape == (60, 64)
    np.testing.assert_array_equal(outcome.ids, np.arange(60))


def test_the_saved_model_predicts_each_image_alone_as_the_run_did(digits, uninterrupted):
    outcome, _ = uninterrupted
    net = DccmCNN(tuple(outcome.model.architecture()["shape"]), outcome.model.architecture()["n_clusters"])
    net.load_state_dict(outcome.model.state_dict())
    net.eval()
    for i in (0, 17, 59):
        with torch.no_grad():
            passed = net(rgb(torch.from_numpy(digits[0][i : i + 1])))
        assert passed.probabilities.argmax() == outcome.clusterings["population"][i]
        np.testing.assert_allclose(passed.features[0], outcome.embeddings[i], rtol=1e-4, atol=1e-5)


def test_every_epoch_reports_how_the_run_is_doing(digits):
    context = context_on(digits[0], labels=digits[1])
    train_dccm(replace(QUICK, epochs=1), 10, context)
    (epoch,) = (row for row in context.rows if row["kind"] == "epoch")
    assert {"loss", "graph_loss", "label_loss", "mi_loss", "gradient_norm"} <= epoch.keys()
    assert {"clusters_in_use", "largest_share", "entropy", "confident_share", "link_density"} <= epoch.keys()
    assert {"bcubed_precision", "bcubed_recall", "probability_50", "without_unlinked", "warnings"} <= epoch.keys()
    assert epoch["quality"].keys() == {"nmi", "nmi_geometric", "acc", "ari"}
    assert epoch["iteration"] == 2 * 3 * 1 * 2  # large batches, small batches, repeats, augmentations
    assert epoch["updates_per_second"] > 0


SWITCHES = [
    {"loss_on_clean": True},
    {"label_loss": "ce"},
    {"beta": 0.0},
    {"mi_mode": "instance"},
    {"mi_mode": "reference_bug"},
    {"mi_places": None},
    {"shallow_tap": "conv3", "deep_tap": "fc"},
    {"head_bn": False},
    {"augment": False},
    {"global_graph": True},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: "-".join(map(str, itertools.chain(*switch.items()))))
def test_every_switch_trains_all_its_parameters(digits, switch):
    method, small = first_batch(digits[0], **switch)
    method.update(small.views[0], small.partners[0], small)
    assert all(torch.isfinite(parameter.grad).all() for parameter in method.net.parameters())
    assert (method.net.discriminator is None) == (switch.get("beta") == 0)


def test_more_clusters_than_features_can_all_be_used(digits):
    method = _Dccm(replace(QUICK, beta=0.0), 80, context_on(digits[0]))
    outputs = method.net.encoder.logits(torch.rand(5, 64))
    assert len(torch.unique(outputs[0])) == 80
    assert torch.equal(method.net.encoder.logits.weight[:64], torch.eye(64))


def test_nearly_all_images_are_in_a_batch_for_the_population_statistics(digits, monkeypatch):
    seen = []
    method = _Dccm(replace(QUICK, epochs=1, large_batch=24), 10, context_on(digits[0]))
    batches = method.feed.train_batches
    monkeypatch.setattr(method.feed, "train_batches", lambda *args: (seen.append(b.ids) or b for b in batches(*args)))
    method.finish()
    assert [len(ids) for ids in seen] == [20, 20, 20]
    assert sorted(torch.cat(seen).tolist()) == list(range(60))


def test_partly_known_classes_are_used_to_rate_the_pseudo_graph(digits):
    labels = np.full(60, -1)
    labels[:2] = 1
    context = context_on(digits[0], labels=labels)
    train_dccm(replace(QUICK, epochs=1, graph_threshold=1e-6), 10, context)
    assert context.rows[0]["bcubed_precision"] == 1


def test_in_instance_mode_each_image_is_its_only_partner(digits):
    _, small = first_batch(digits[0], mi_mode="instance", graph_threshold=1e-6)
    assert torch.equal(small.partners[0].chosen[:, 0], small.partners[0].chosen[:, 1])
    assert small.partners[0].has_fake.all()  # even though all are linked


def test_sets_smaller_than_a_batch_are_one_batch(digits):
    context = context_on(digits[0][:5])
    outcome = train_dccm(replace(QUICK, epochs=1), 3, context)
    assert context.rows[0]["iteration"] == 2
    assert len(outcome.clusterings["batch"]) == 5


def test_one_image_per_worker_is_an_error(digits):
    with pytest.raises(UserError, match="needs at least 2 on each"):
        _Dccm(QUICK, 2, context_on(digits[0][:1]))


@pytest.mark.parametrize(
    "setting", [{"small_batch": 1}, {"small_batch": 25}, {"graph_threshold": 0.0}, {"beta": -1.0}, {"mi_places": 0}]
)
def test_invalid_settings_are_errors_that_name_the_flag(setting):
    with pytest.raises(UserError, match=f"--{next(iter(setting)).replace('_', '-')} "):
        replace(QUICK, **setting)


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"beta": 0.0, "loss_on_clean": True},
        pytest.param({"mi_places": None, "augment": False}, marks=pytest.mark.slow),
    ],
)
def test_captured_steps_train_as_plain_ones_do(digits, simulated_capture, setting):
    def trained(captured):
        method = _Dccm(replace(QUICK, **setting), 10, context_on(digits[0]))
        if captured:
            let_capture(method.step)
        return [method.train_epoch(epoch) for epoch in range(2)], method

    (rows, captured), (plain_rows, plain) = trained(True), trained(False)
    assert (len(captured.step._graphs), captured.step.remarks) == (1, [])
    assert rows == plain_rows
    for name, value in captured.net.state_dict().items():
        assert torch.equal(value, plain.net.state_dict()[name]), name
