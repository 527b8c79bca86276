import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from raycluster.data.feed import ResidentFeed
from raycluster.errors import UserError
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.settings import PRESETS
from raycluster.methods.jule.train import _Jule, first_rows, train_jule
from raycluster.training.local_context import LocalContext
from tests.simulated_capture import let_capture

QUICK = replace(PRESETS["default"], epochs_per_period=2, rounds=1, epochs_per_round=2)


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return (data.images * 255 / 16).round().astype(np.uint8)[:, None], data.target.astype(np.int64)


@pytest.fixture(scope="module")
def uninterrupted(digits):
    """Eight rows of metrics: pixels, two epochs and a merge, the first RC, two epochs and the second RC."""
    return train_jule(QUICK, 10, context_on(digits[0][:300]))


def context_on(images, folder=None, labels=None, seed=0, **kwargs):
    return LocalContext(ResidentFeed(images, seed=seed), seed=seed, labels=labels, folder=folder, **kwargs)


def test_the_paper_preset_has_exactly_the_settings_of_the_paper():
    paper = PRESETS["paper"]
    assert (paper.n_neighbors, paper.sigma_scale, paper.n_neighbor_clusters, paper.local_structure) == (20, 1, 5, 1)
    assert (paper.affinity, paper.join_small_components, paper.unroll_rate, paper.epochs_per_period) == (
        "global",
        False,
        0.9,
        20,
    )
    assert (paper.margin, paper.gamma, paper.negatives, paper.batch_size) == (0.2, 1.0, 20, 100)
    assert (paper.learning_rate, paper.momentum, paper.weight_decay) == (0.01, 0.9, 5e-5)
    assert (paper.rotation, paper.shift, paper.zoom, paper.rounds, paper.grouped_batches) == (0, 0, 0, 0, False)


def test_jule_on_digits_beats_the_graph_on_pixels(digits):
    images, labels = digits
    context = context_on(images, labels=labels)
    outcome = train_jule(replace(QUICK, epochs_per_period=5, epochs_per_round=5), 10, context)
    quality = {row["clustering"]: row["quality"]["nmi_geometric"] for row in context.rows if row["kind"] == "period"}
    assert quality["rc"] > quality["pixels"] > 0.85
    for clustering in outcome.clusterings.values():
        assert sorted(set(clustering)) == list(range(10))
        assert len(clustering) == len(images)
    np.testing.assert_array_equal(outcome.ids, np.arange(len(images)))
    assert len(outcome.merges["left"]) == len(images) - 1


def test_rows_of_pixels_are_scaled_down_to_norm_1_but_never_up():
    images = np.array([[[[255, 255], [255, 255]]], [[[0, 51], [0, 0]]], [[[0, 0], [0, 0]]]], np.uint8)
    expected = np.array([[0.5, 0.5, 0.5, 0.5], [0, 0.2, 0, 0], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(pixel_rows(images), expected)
    ids, rows = first_rows(ResidentFeed(images, seed=0), pixel_rows)
    np.testing.assert_array_equal(rows, pixel_rows(images)[ids])


def test_labels_are_never_used_for_training(digits, uninterrupted):
    images, labels = digits
    with_labels = train_jule(QUICK, 10, context_on(images[:300], labels=labels[:300]))
    without = uninterrupted
    np.testing.assert_array_equal(with_labels.clusterings["rc"], without.clusterings["rc"])
    np.testing.assert_array_equal(with_labels.embeddings, without.embeddings)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 6, 7])
def test_a_killed_run_continues_to_the_same_result(digits, uninterrupted, tmp_path, killed_after, rows):
    images, whole = digits[0][:300], uninterrupted
    with killed_after(rows) as on_report:
        train_jule(QUICK, 10, context_on(images, tmp_path, on_report=on_report))
    continued = train_jule(QUICK, 10, context_on(images, tmp_path))
    for name, clustering in whole.clusterings.items():
        np.testing.assert_array_equal(continued.clusterings[name], clustering)
    np.testing.assert_array_equal(continued.embeddings, whole.embeddings)


def test_each_period_merges_a_share_of_the_clusters_given_by_the_unroll_rate(digits):
    context = context_on(digits[0][:600])
    train_jule(replace(QUICK, unroll_rate=0.5, epochs_per_period=1, rounds=0), 10, context)
    counts = [row["clusters"] for row in context.rows if row["kind"] == "epoch"]
    for before, after in itertools.pairwise(counts):
        assert after == max(10, before - -(-before // 2))


def test_a_batch_without_a_pair_changes_neither_weights_nor_momentum(digits):
    context, net = context_on(digits[0][:100]), JuleCNN((1, 8, 8))
    method = _Jule(replace(QUICK, grouped_batches=False), 10, context, context.feed, net, "pixels", pixel_rows)
    method.labels = np.arange(100, dtype=np.int32)  # every image its own cluster
    before = {name: value.clone() for name, value in method.net.named_parameters()}
    row = method.train_epoch(torch.arange(100), 0)
    assert row["batches_without_pair"] == 1
    for name, value in method.net.named_parameters():
        assert torch.equal(value, before[name])
    for state in method.optimizer.state.values():
        assert not state["momentum_buffer"].any()


@pytest.mark.parametrize(
    "setting",
    [
        {"unroll_rate": 0.0},
        {"unroll_rate": 1.5},
        {"batch_size": 0},
        {"n_neighbors": 0},
        {"negatives": -1},
        {"zoom": 1.0},
    ],
)
def test_invalid_settings_are_errors_that_name_the_flag(setting):
    with pytest.raises(UserError, match=f"--{next(iter(setting)).replace('_', '-')} "):
        replace(QUICK, **setting)


@pytest.mark.slow
def test_the_number_of_clusters_is_found_if_it_is_unknown(digits):
    images, labels = digits
    context = context_on(images, labels=labels)
    outcome = train_jule(replace(QUICK, epochs_per_period=5, epochs_per_round=5), "auto", context)
    found = outcome.clusterings["rc"].max() + 1
    assert 8 <= found <= 20
    periods = [row for row in context.rows if row["kind"] == "period"]
    assert periods[-1]["clusters"] == found
    assert periods[-1]["quality"]["nmi_geometric"] > 0.85


def test_a_run_says_whether_training_helped_and_reports_the_better_clustering(digits, uninterrupted):
    context = context_on(digits[0][:300])
    outcome = train_jule(QUICK, 10, context)
    effect = [row for row in context.rows if row["kind"] == "period"][-1]["training"]
    assert outcome.reported == ("rc" if effect["helped"] else "pixels")
    assert 0 < effect["silhouette_before"] < 1
    assert 0 < effect["predictability_before"] < 1
    assert (outcome.reported, outcome.merges.keys()) == (uninterrupted.reported, uninterrupted.merges.keys())


def test_a_network_that_has_learned_nothing_but_noise_is_not_reported(digits):
    context = context_on(digits[0][:300])
    method = _Jule(QUICK, 10, context, context.feed, JuleCNN((1, 8, 8)), "pixels", pixel_rows)
    method.clusterings = {"pixels": recluster(pixel_rows(digits[0][:300]), 10, QUICK).labels}
    noise = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    method.clusterings["rc"] = recluster(noise, 10, QUICK).labels
    found = method.judge(np.arange(300)[::-1], noise[::-1])
    assert not found.helped
    np.testing.assert_array_equal(found.labels, method.clusterings["pixels"])


@pytest.mark.parametrize("setting", [{}, {"negatives": 5, "rotation": 0.0, "shift": 0.0, "zoom": 0.0}])
def test_captured_steps_train_as_plain_ones_do(digits, simulated_capture, setting):
    def trained(captured):
        images = digits[0][:300]
        torch.manual_seed(0)
        context, net = context_on(images), JuleCNN((1, 8, 8))
        method = _Jule(replace(QUICK, batch_size=50, **setting), 10, context, context.feed, net, "pixels", pixel_rows)
        method.optimizer.param_groups[0]["lr"] = torch.zeros(())  # as on a GPU
        method.labels = recluster(pixel_rows(images), 10, QUICK).labels
        if captured:
            let_capture(method.step)
        rows = [method.train_epoch(torch.from_numpy(method.labels).long(), epoch) for epoch in range(3)]
        return rows, net.state_dict(), method.step

    (rows, weights, step), (plain_rows, plain_weights, _) = trained(True), trained(False)
    assert (len(step._graphs), step.remarks) == (1, [])
    assert rows == plain_rows
    assert rows[2]["loss"] < rows[0]["loss"]
    for name, value in weights.items():
        assert torch.equal(value, plain_weights[name]), name
