"""Real pictures, real weights: parts of two photographs."""

import numpy as np
import pytest
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.jule.frozen import train_head
from raycluster.methods.jule.settings import JuleSettings
from raycluster.methods.saved_network import load_network
from raycluster.metrics.quality import clustering_quality
from raycluster.runtime.run_dir import RunDir
from raycluster.training.local_context import LocalContext

SIDE = 64


@pytest.fixture(scope="module")
def settings(lite0_weights):
    backbone = "tf_efficientnet_lite0.in1k"
    return JuleSettings(
        backbone=backbone, weights=str(lite0_weights), epochs_per_period=2, rounds=1, epochs_per_round=2
    )


@pytest.fixture(scope="module")
def outcome(settings, photo_crops):
    return train_head(settings, 2, LocalContext(ResidentFeed(photo_crops)))


@pytest.mark.slow
def test_the_network_of_a_run_embeds_images_as_training_did_even_after_it_was_saved(outcome, photo_crops, tmp_path):
    run = RunDir(tmp_path)
    run.write_model(outcome.model, outcome.model.architecture())
    for net in (outcome.model, load_network(run.path / "model")):
        assert not net.training
        assert (net.shape, net.fit) == ((3, SIDE, SIDE), "crop")
        with torch.inference_mode():
            embeddings = net.embed_images(torch.from_numpy(photo_crops))
        np.testing.assert_allclose(embeddings, outcome.embeddings, atol=1e-4)


@pytest.mark.slow
def test_a_head_tells_photographs_apart(outcome):
    assert list(outcome.clusterings) == ["features", "sf", "rc"]
    assert clustering_quality(np.repeat([0, 1], 20), outcome.clusterings["rc"])["acc"] == 1


@pytest.mark.slow
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(outcome, settings, photo_crops, tmp_path):
    def stop(row):
        if row["kind"] == "epoch" and row["round"] == 0 and row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_head(settings, 2, LocalContext(ResidentFeed(photo_crops), folder=tmp_path, on_report=stop))
    again = train_head(settings, 2, LocalContext(ResidentFeed(photo_crops), folder=tmp_path))
    np.testing.assert_array_equal(again.embeddings, outcome.embeddings)
