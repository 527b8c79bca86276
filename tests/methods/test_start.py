import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.data.feed import ResidentFeed
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.methods.jule.settings import PRESETS
from raycluster.methods.start import effect_on_sample, judge_network
from raycluster.metrics import label_free
from raycluster.training.local_context import LocalContext

DIGITS = load_digits()
IMAGES = np.rint(DIGITS.images[:300] * (255 / 16)).astype(np.uint8)[:, None]
CLASSES = DIGITS.target[:300].astype(np.int32)
GOOD = (np.eye(10)[CLASSES] + np.random.default_rng(0).normal(scale=0.2, size=(300, 10))).astype(np.float32)
NOISE = np.random.default_rng(1).normal(size=(300, 10)).astype(np.float32)


@pytest.mark.parametrize(
    ("embeddings", "clusters", "helped"),
    [
        (GOOD, CLASSES, True),
        (NOISE, NOISE.argmax(axis=1).astype(np.int32), False),  # compact in the embedding, but nothing in the pixels
        (GOOD, np.zeros(300, np.int32), False),  # collapsed
    ],
)
@pytest.mark.parametrize("start", ["pixels", "features"])
def test_a_network_is_told_whether_its_training_helped(embeddings, clusters, helped, start):
    rows = IMAGES if start == "pixels" else IMAGES.astype(np.float32) / 255
    feed = ResidentFeed(rows)
    of = {} if start == "pixels" else {"start": "features", "rows_of": lambda features: features.reshape(300, -1)}
    row, warnings = judge_network(LocalContext(feed), 1, 10, np.arange(300), embeddings, clusters, feed, **of)
    assert row["training"]["helped"] == helped
    assert ("did not help" in row["training"]["sentence"]) != helped
    assert len(warnings) == (not helped)
    remedy = "train jule" if start == "pixels" else "raycluster cluster"
    assert all(remedy in warning for warning in warnings)


def test_of_many_images_a_sample_is_compared(monkeypatch):
    monkeypatch.setattr(label_free, "SAMPLE", 200)
    rows = label_free.sample_rows(300)
    found = effect_on_sample(GOOD, pixel_rows(IMAGES[rows]), CLASSES, 10)
    before = recluster(pixel_rows(IMAGES[rows]), 10, PRESETS["default"]).labels
    assert found.silhouette_before == label_free.silhouette(GOOD[rows], before)
    assert found.silhouette_after == label_free.silhouette(GOOD[rows], CLASSES[rows])
