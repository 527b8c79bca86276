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
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.concurl.settings import PRESETS, ConcurlSettings
from raycluster.methods.concurl.train import CLUSTERINGS, cluster_all, on_images, train_concurl
from raycluster.nn.pixels import rgb
from raycluster.runtime.checkpoint import load_latest
from raycluster.training.local_context import LocalContext
from tests.simulated_capture import let_capture

N, K = 30, 3
# The trunk for larger images, which is fast at 32 pixels.
QUICK = replace(
    PRESETS["default"], epochs=3, batch_size=10, noise=64, ensemble=4, projection_size=8, trunk="resnet18",
    evaluate_every=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    data = load_digits(n_class=K)
    images = (data.images[:N] * 255 / 16).round().astype(np.uint8)
    return np.stack([prepare(image, Canvas(1, 32, 32)) for image in images]), data.target[:N].astype(np.int64)


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    context = context_on(digits[0], tmp_path_factory.mktemp("whole"))
    return train_concurl(QUICK, K, context), context


def context_on(images, folder=None, labels=None, seed=0, **kwargs):
    return LocalContext(ResidentFeed(images, seed=seed), seed=seed, labels=labels, folder=folder, **kwargs)


def first_batch(images, n_clusters=K, **settings):
    """A method in training mode, its first batch, and two views of it."""
    method = on_images(replace(QUICK, **settings), n_clusters, context_on(images))
    method.model.train()
    batch = next(iter(method.feed.train_batches(method.settings.batch_size, 0)))
    return method, batch, method.draw_views(batch, method.generator)


def test_defaults_are_the_released_settings():
    s = PRESETS["default"]
    assert (s.epochs, s.batch_size, s.learning_rate, s.momentum, s.weight_decay) == (2000, 128, 0.015, 0.9, 5e-4)
    assert (s.alpha, s.beta, s.gamma, s.tau, s.noise, s.bank_momentum) == (0, 1, 1, 0.85, 4096, 0.5)
    assert (s.ensemble, s.projection_size, s.transform, s.redraw) == (64, 152, "rp", "never")
    assert (s.epsilon, s.sinkhorn_iterations, s.head_temperature, s.view2) == (0.05, 3, 0.1, "slight")
    assert PRESETS["paper"] == s


def test_the_learning_rate_falls_tenfold_at_four_epochs():
    s, steps = ConcurlSettings(), 391
    for epoch, rate in [(0, 0.015), (600, 1.5e-3), (950, 1.5e-4), (1300, 1.5e-5), (1650, 1.5e-6)]:
        first = epoch * steps
        assert s.learning_rate_at(first, 2000 * steps) == pytest.approx(rate)
        assert first == 0 or s.learning_rate_at(first - 1, 2000 * steps) == pytest.approx(10 * rate)
    assert s.learning_rate_at(2000 * steps - 1, 2000 * steps) == pytest.approx(1.5e-6)


def test_short_trainings_use_all_learning_rates_too(digits):
    rates = []
    method = on_images(replace(QUICK, epochs=2, batch_size=3), K, context_on(digits[0]))
    method.draw_views = lambda batch, generator: ()
    method.update = lambda batch: rates.append(method.optimizer.param_groups[0]["lr"]) or batch.ids
    method.describe_epoch = dict
    reported = [method.train_epoch(epoch)["learning_rate"] for epoch in range(2)]
    assert rates == pytest.approx([0.015] * 6 + [1.5e-3] * 4 + [1.5e-4] * 3 + [1.5e-5] * 4 + [1.5e-6] * 3)
    assert reported == [rates[9], rates[19]]


def test_the_first_step_has_the_expected_losses():
    data = load_digits()
    images = np.stack([prepare((image * 255 / 16).astype(np.uint8), Canvas(1, 32, 32)) for image in data.images[:128]])
    method, batch, views = first_batch(images, 10, batch_size=128, noise=4096, ensemble=64, projection_size=152)
    method.update(batch, *views)
    loss, exemplar, consensus, _, norm, _ = method.sums.tolist()
    assert exemplar == pytest.approx(9.318, abs=0.05)
    assert math.log(10) < consensus < math.log(10) + 0.5
    assert loss == pytest.approx(exemplar + consensus, rel=1e-5)
    assert norm > 0
    assert method.bank.z_bar.item() == pytest.approx(1, abs=0.1)


def test_only_rows_of_the_batch_move_toward_the_embeddings_from_before_the_step(digits):
    method, batch, views = first_batch(digits[0])
    before = method.bank.rows.clone()
    with torch.no_grad(), method.context.autocast():
        embeddings = method.model(*views)[0].nce
    method.update(batch, *views)
    rest = torch.ones(N, dtype=torch.bool)
    rest[batch.ids] = False
    assert torch.equal(method.bank.rows[rest], before[rest])
    expected = torch.nn.functional.normalize(before[batch.ids] + embeddings, dim=1)
    torch.testing.assert_close(method.bank.rows[batch.ids], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("switch", "moves"), [({}, False), ({"alpha": 1.0}, True), ({"proto_grad": "through_projection"}, True)]
)
def test_prototypes_stay_bit_identical_unless_a_loss_moves_them(digits, switch, moves):
    method, batch, views = first_batch(digits[0], **switch)
    before = method.net.prototypes.weight.detach().clone()
    for _ in range(2):
        method.update(batch, *views)
    assert torch.equal(method.net.prototypes.weight, before) != moves


def test_the_ensemble_is_kept_or_replaced_but_never_grows(digits):
    method, *_ = first_batch(digits[0])
    first = method.transforms.clone()
    method.begin_epoch(1)
    assert torch.equal(method.transforms, first)
    method, *_ = first_batch(digits[0], redraw="epoch")
    first = method.transforms.clone()
    method.begin_epoch(1)
    assert method.transforms.shape == first.shape == (4, 8, 256)
    assert not torch.equal(method.transforms, first)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_and_another_seed_does_not(digits, uninterrupted):
    again = train_concurl(QUICK, K, context_on(digits[0], labels=digits[1]))  # labels are for reporting only
    np.testing.assert_array_equal(again.embeddings, uninterrupted[0].embeddings)
    assert again.reported == uninterrupted[0].reported
    other = train_concurl(replace(QUICK, epochs=1), K, context_on(digits[0], seed=1))
    assert not np.array_equal(other.embeddings, uninterrupted[0].embeddings)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_a_killed_run_continues_to_the_same_result_bank_and_z_bar(digits, uninterrupted, tmp_path, killed_after, rows):
    with killed_after(rows) as on_report:
        train_concurl(QUICK, K, context_on(digits[0], tmp_path, on_report=on_report))
    continued = train_concurl(QUICK, K, context_on(digits[0], tmp_path))
    outcome, context = uninterrupted
    for name in CLUSTERINGS:
        np.testing.assert_array_equal(continued.clusterings[name], outcome.clusterings[name])
    np.testing.assert_array_equal(continued.embeddings, outcome.embeddings)
    tensors, whole = load_latest(tmp_path)[0], load_latest(context.folder)[0]
    assert {"bank.rows", "bank.z_bar", "transforms"} < tensors.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(tensors[name], value), name


@pytest.mark.slow
def test_a_killed_run_without_noise_continues_with_trained_prototypes_and_redrawn_projections(
    digits, tmp_path, killed_after
):
    settings = replace(QUICK, epochs=2, noise=0, alpha=0.5, redraw="epoch", bank_momentum=0.2, evaluate_every=5)
    whole = train_concurl(settings, K, context_on(digits[0], tmp_path / "whole"))
    with killed_after(1) as on_report:
        train_concurl(settings, K, context_on(digits[0], tmp_path / "killed", on_report=on_report))
    train_concurl(settings, K, context_on(digits[0], tmp_path / "killed"))
    expected, found = (load_latest(tmp_path / name)[0] for name in ("whole", "killed"))
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
    lengths = whole.model.prototypes.weight.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(K))  # so that products with them are cosines


@pytest.mark.slow
def test_there_are_four_clusterings_and_that_of_the_nce_embedding_is_reported(digits, uninterrupted):
    outcome, context = uninterrupted
    assert set(outcome.clusterings) == {"nce_embeddings", "clust_head", "outcode", "q_code"}
    for clustering in outcome.clusterings.values():
        assert (clustering.shape, clustering.dtype) == ((N,), np.int32)
        assert ((clustering >= 0) & (clustering < K)).all()
    assert np.bincount(outcome.clusterings["q_code"], minlength=K).min() > 0
    last = [row for row in context.rows if row["kind"] == "period"][-1]
    assert last["clustering"] == outcome.reported == "nce_embeddings"
    assert 0 < max(last["support"].values()) <= 1
    np.testing.assert_allclose(np.linalg.norm(outcome.embeddings, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(outcome.ids, np.arange(N))


@pytest.mark.slow
def test_the_saved_model_assigns_each_image_alone_as_the_run_did(digits, uninterrupted):
    outcome, _ = uninterrupted
    architecture = outcome.model.architecture()
    net = ConcurlNet(tuple(architecture["shape"]), architecture["n_clusters"], architecture["trunk"])
    net.load_state_dict(outcome.model.state_dict())
    net.eval()
    assert architecture["clustering"] == outcome.reported
    for i in (0, 17, 29):
        with torch.no_grad():
            passed = net(rgb(torch.from_numpy(digits[0][i : i + 1])))
        np.testing.assert_allclose(passed.nce[0], outcome.embeddings[i], rtol=1e-4, atol=1e-5)
        for name in ("nce_embeddings", "clust_head", "outcode"):
            assert net.assign(passed, name) == outcome.clusterings[name][i]


def test_only_spaces_that_were_trained_by_a_loss_vote_and_are_reported():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(N, 128 + 256 + K)).astype(np.float32)
    rows[:, 128:384] = rng.normal(size=(K, 256))[np.arange(N) % K]  # clear clusters in the head
    rows[np.arange(N), 384 + np.arange(N) % K] += 9
    by_consensus = {"cluster_on": "consensus"}
    for switch, reported in [({}, 0), (by_consensus, 1), (by_consensus | {"gamma": 0.0}, 0), ({"beta": 0.0}, 1)]:
        found = cluster_all(rows, K, replace(QUICK, **switch), 0)
        assert found.reported_name == list(CLUSTERINGS)[reported]
        assert (found.support[0] == 0) == ("beta" in switch)
        assert (found.support[1] == 0) == ("gamma" in switch)


@pytest.mark.slow
def test_metrics_include_losses_health_and_intermediate_clusterings(digits, uninterrupted):
    rows = uninterrupted[1].rows
    assert [(row["kind"], row["epoch"]) for row in rows] == [
        ("epoch", 1), ("epoch", 2), ("period", 2), ("epoch", 3), ("period", 3),
    ]  # fmt: skip
    epoch, period = rows[0], rows[-1]
    assert {"loss", "nce_loss", "consensus_loss", "gradient_norm", "mean_cosine", "entropy"} <= epoch.keys()
    assert {"images_per_second", "learning_rate", "largest_share", "warnings"} <= epoch.keys()
    assert epoch["iteration"] == 3
    assert {"consensus", "seeds", "projections", "algorithms", "support", "mean_cosine"} <= period.keys()
    assert "quality" not in period
    context = context_on(digits[0], labels=digits[1])
    train_concurl(replace(QUICK, epochs=1, cluster_on="q_code"), K, context)
    period = context.rows[-1]
    assert period["clustering"] == "q_code"
    assert period["quality"] == period["qualities"]["q_code"]
    assert set(period["qualities"]) == set(CLUSTERINGS)
    context = context_on(digits[0], labels=digits[1])
    train_concurl(replace(QUICK, epochs=1, gamma=0.0), K, context)
    assert (
        not {"quality", "clusters_in_use"} & context.rows[0].keys()
    )  # assignments to untrained prototypes are not reported


SWITCHES = [
    {"alpha": 1.0},
    {"alpha": 1.0, "gamma": 0.0},
    {"beta": 0.0},
    {"gamma": 0.0},
    {"noise": 0},
    {"nce_views": 2},
    {"transform": "diag"},
    {"transform": "none"},
    {"redraw": "epoch"},
    {"proto_grad": "through_projection"},
    {"view2": "strong"},
    {"view2": "same", "flip": False},
]


@pytest.mark.slow
@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: "-".join(map(str, itertools.chain(*switch.items()))))
def test_every_switch_gives_gradients_to_exactly_the_trained_parameters(digits, switch):
    method, batch, views = first_batch(digits[0], **switch)
    method.update(batch, *views)
    assert torch.isfinite(method.sums).all()
    for name, parameter in method.net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or torch.isfinite(parameter.grad).all()
    assert method.net.nce_head.weight.requires_grad == (switch.get("beta") != 0)


def test_one_image_per_worker_is_an_error(digits):
    with pytest.raises(UserError, match="at least 2 in each worker's batch"):
        on_images(QUICK, K, context_on(digits[0][:1]))


@pytest.mark.slow
def test_a_training_that_diverges_says_so(digits):
    with pytest.raises(UserError, match="training has diverged"):
        train_concurl(replace(QUICK, learning_rate=1e9), K, context_on(digits[0]))


@pytest.mark.parametrize(
    "setting", [{"tau": 0.0}, {"beta": -1.0}, {"batch_size": 1}, {"bank_momentum": 1.0}, {"milestones": (0.0,)}]
)
def test_invalid_settings_are_errors_that_name_the_flag(setting):
    with pytest.raises(UserError, match=f"--{next(iter(setting)).replace('_', '-')} "):
        replace(QUICK, **setting)


def test_settings_that_contradict_each_other_are_errors():
    with pytest.raises(UserError, match="or set --alpha or --beta above 0"):
        replace(QUICK, beta=0.0, gamma=0.0)
    with pytest.raises(UserError, match="--bank partitioned: choose replicated"):
        replace(QUICK, noise=0, bank="partitioned")


@pytest.mark.parametrize(
    "setting",
    [
        {},
        pytest.param({"view2": "strong", "redraw": "epoch", "noise": 0, "nce_views": 2}, marks=pytest.mark.slow),
        pytest.param({"alpha": 0.5, "proto_grad": "through_projection"}, marks=pytest.mark.slow),
    ],
)
def test_captured_steps_train_as_plain_ones_do(digits, simulated_capture, setting):
    def trained(captured):
        settings = replace(QUICK, batch_size=5, epochs=2, milestones=(0.5,), **setting)
        method = on_images(settings, K, context_on(digits[0]))
        if captured:
            let_capture(method.step)
        return [method.train_epoch(epoch) for epoch in range(2)], method

    (rows, captured), (plain_rows, plain) = trained(True), trained(False)
    assert (len(captured.step._graphs), captured.step.remarks) == (1, [])
    assert rows == plain_rows
    assert torch.equal(captured.bank.rows, plain.bank.rows)
    for name, value in captured.net.state_dict().items():
        assert torch.equal(value, plain.net.state_dict()[name]), name
