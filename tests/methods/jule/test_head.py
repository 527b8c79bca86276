import numpy as np
import pytest
import torch

from raycluster.methods.jule.head import FeatureHead


@pytest.mark.parametrize(("dimensions", "expected"), [(6, 6), (300, 160)])
def test_a_head_begins_with_the_cosines_of_features_that_span_few_dimensions(dimensions, expected):
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(40, 5)) @ rng.normal(size=(5, dimensions)) + 1).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    head = FeatureHead(dimensions)
    head.start_from(features)
    embeddings = head(torch.from_numpy(features)).detach().numpy()
    assert embeddings.shape == (40, expected)
    np.testing.assert_allclose(embeddings @ embeddings.T, features @ features.T, atol=1e-5)


def test_a_head_on_two_directions_keeps_them_apart_and_drops_none():
    head = FeatureHead(2)
    head.start_from(np.array([[1, 0], [1, 0], [0, 1]], np.float32))
    first, second = head(torch.eye(2)).detach()
    assert first.abs().tolist() == [1, 0]  # the direction with most rows comes first
    assert second.abs().tolist() == [0, 1]
