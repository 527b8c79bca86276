import numpy as np
import pytest
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.concurl.embed import embed as concurl_embed
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.train import embed as jule_embed
from raycluster.training.local_context import LocalContext

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 1, 32, 32), np.uint8)


@torch.inference_mode()
def test_embed_images_gives_the_embeddings_that_the_methods_save():
    feed = ResidentFeed(PIXELS)
    jule = JuleCNN((1, 32, 32), 20).eval()
    np.testing.assert_array_equal(
        jule.embed_images(torch.tensor(PIXELS)), jule_embed(jule, feed, LocalContext(feed))[1]
    )
    concurl = ConcurlNet((1, 32, 32), 5).eval()
    np.testing.assert_array_equal(concurl.embed_images(torch.tensor(PIXELS)), concurl_embed(concurl, feed)[1])
    dccm = DccmCNN((1, 32, 32), 5).eval()
    images = torch.tensor(PIXELS)
    np.testing.assert_array_equal(dccm.embed_images(images), dccm(dccm.prepare(images)).features)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("net", "size"),
    [(JuleCNN((1, 8, 8), 20), 20), (DccmCNN((1, 32, 32), 5), 64), (ConcurlNet((1, 32, 32), 5, "resnet18"), 128)],
    ids=["jule", "dccm", "concurl"],
)
def test_the_embedding_is_the_last_layer_and_part_of_the_prediction(net, size):
    images = torch.zeros(2, *net.eval().shape, dtype=torch.uint8)
    inputs = net.prepare(images)
    layers, prediction = list(net.layers(inputs).values()), net.predict(inputs)
    torch.testing.assert_close(layers[-1], net.embed_images(images))
    torch.testing.assert_close(layers[-1], prediction.embeddings)
    assert layers[-1].shape == (2, size)
    assert net.embedding_size == size
    assert (prediction.clusters is not None) == net.assigns
