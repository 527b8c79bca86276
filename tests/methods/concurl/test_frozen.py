"""Real pictures, real weights: parts of two photographs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.concurl import METHOD
from raycluster.methods.concurl.frozen import find_partners, train_heads
from raycluster.methods.saved_network import load_network
from raycluster.metrics.quality import clustering_quality
from raycluster.runtime.run_dir import RunDir
from raycluster.training.local_context import LocalContext


@pytest.fixture(scope="module")
def settings(lite0_weights):
    backbone, weights = "tf_efficientnet_lite0.in1k", str(lite0_weights)
    return replace(METHOD.presets["frozen"], backbone=backbone, weights=weights, batch_size=20, epochs=10, partners=5)


@pytest.fixture(scope="module")
def outcome(settings, photo_crops):
    return train_heads(settings, 2, LocalContext(ResidentFeed(photo_crops)))


def test_partners_are_the_nearest_neighbors():
    rows = np.array([[0, 1], [0, 1.1], [5, 0], [5, 0.2], [5, 0.1]], np.float32)
    known = find_partners(rows, 2)
    np.testing.assert_array_equal(known.rows, rows)
    assert [set(near) for near in known.neighbors[2:].tolist()] == [{4, 3}, {4, 2}, {2, 3}]
    assert known.neighbors[0, 0] == 1


@pytest.mark.slow
def test_heads_tell_photographs_apart_and_embed_as_training_did_even_once_saved(outcome, photo_crops, tmp_path):
    assert outcome.reported == "clust_head"
    assert clustering_quality(np.repeat([0, 1], 20), outcome.clusterings["clust_head"])["acc"] == 1
    run = RunDir(tmp_path)
    run.write_model(outcome.model, outcome.model.architecture())
    for net in (outcome.model, load_network(run.path / "model")):
        with torch.inference_mode():
            found = net.predict(net.prepare(torch.from_numpy(photo_crops)))
        np.testing.assert_allclose(found.embeddings, outcome.embeddings, atol=1e-4)
        np.testing.assert_array_equal(found.clusters, outcome.clusterings["clust_head"])


@pytest.mark.slow
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(outcome, settings, photo_crops, tmp_path):
    def stop(row):
        if row["kind"] == "epoch" and row["epoch"] == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_heads(settings, 2, LocalContext(ResidentFeed(photo_crops), folder=tmp_path, on_report=stop))
    again = train_heads(settings, 2, LocalContext(ResidentFeed(photo_crops), folder=tmp_path))
    np.testing.assert_array_equal(again.embeddings, outcome.embeddings)


@pytest.mark.slow
def test_other_images_are_clustered_by_a_trained_head(outcome, settings, photo_crops):
    found = METHOD.recluster(outcome.model, photo_crops[::2], settings, 0)["clust_head"]
    np.testing.assert_array_equal(found["frozen"], outcome.clusterings["clust_head"][::2])
