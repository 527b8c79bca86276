import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images

from raycluster.data.feed import ResidentFeed
from raycluster.methods import frozen_features
from raycluster.methods.frozen_features import gather_features, load_named, principal_directions
from raycluster.methods.gathered import all_rows
from raycluster.methods.pretrained import PretrainedSettings
from raycluster.training.local_context import LocalContext

SIDE = 32


@pytest.fixture(scope="module")
def backbone(lite0_weights):
    return load_named(
        PretrainedSettings(backbone="tf_efficientnet_lite0.in1k", weights=str(lite0_weights)), SIDE
    ).eval()


@pytest.fixture(scope="module")
def images():
    pictures = [
        p[y : y + SIDE, :SIDE].transpose(2, 0, 1) for p in load_sample_images().images for y in range(0, 150, 30)
    ]
    return np.stack(pictures)


def test_every_image_has_the_features_that_the_network_computes(backbone, images, monkeypatch):
    monkeypatch.setattr(frozen_features, "BLOCK", 4)
    context = LocalContext(ResidentFeed(images))
    features = gather_features(backbone, context, all_rows).rows
    with torch.inference_mode():
        expected = backbone(backbone.prepare(torch.from_numpy(images))).numpy()
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert [(row["kind"], row["images"], row["of"]) for row in context.rows] == [
        ("embedding", 4, 10), ("embedding", 8, 10), ("embedding", 10, 10)
    ]  # fmt: skip
    assert context.rows[-1]["eta"] == 0


def test_a_run_that_was_killed_embeds_only_what_is_missing(backbone, images, monkeypatch, tmp_path):
    monkeypatch.setattr(frozen_features, "BLOCK", 4)
    seen = []

    def stop(row):
        if row["images"] == 8:
            raise KeyboardInterrupt

    hook = backbone.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    with hook:
        with pytest.raises(KeyboardInterrupt):
            gather_features(backbone, LocalContext(ResidentFeed(images), folder=tmp_path, on_report=stop), all_rows)
        again = gather_features(backbone, LocalContext(ResidentFeed(images), folder=tmp_path), all_rows).rows
    assert seen == [4, 4, 2]
    np.testing.assert_array_equal(again, gather_features(backbone, LocalContext(ResidentFeed(images)), all_rows).rows)


def test_principal_directions_are_those_of_most_of_the_features_first():
    features = np.array([[3, 4], [-3, -4], [0.4, -0.3]], np.float32)
    found = principal_directions(features, 2)
    np.testing.assert_allclose(np.abs(found), [[0.6, 0.8], [0.8, 0.6]], atol=1e-6)
    assert principal_directions(features, 1).shape == (1, 2)
