import numpy as np
import torch

from raycluster.methods.jule.network import JuleCNN
from raycluster.nn.features import frozen_features


def test_all_layers_of_all_images_come_out_in_order_with_the_embedding_last(monkeypatch):
    torch.manual_seed(0)
    net = JuleCNN((1, 8, 8), 20).eval()
    images = np.random.default_rng(0).integers(0, 256, (7, 1, 8, 8), dtype=np.uint8)
    with torch.inference_mode():
        expected = net.layers(net.prepare(torch.from_numpy(images)))
    monkeypatch.setattr("raycluster.nn.batches.usual_batch", lambda net, device: 3)
    found = frozen_features(net, images)
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(list(found.values())[-1], axis=1), 1, rtol=1e-5)
