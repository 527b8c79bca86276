import numpy as np
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.concurl.train import embed as concurl_embed
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.train import embed as jule_embed
from raycluster.nn.layers import embedding_of, embedding_size, layers_of
from raycluster.nn.pixels import rgb
from raycluster.training.local_context import LocalContext

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 1, 32, 32), np.uint8)


@torch.inference_mode()
def test_embeddings_are_those_that_the_methods_write():
    feed = ResidentFeed(PIXELS)
    jule = JuleCNN((1, 32, 32), 20).eval()
    np.testing.assert_array_equal(
        embedding_of(jule, torch.tensor(PIXELS)), jule_embed(jule, feed, LocalContext(feed))[1]
    )
    concurl = ConcurlNet((1, 32, 32), 5).eval()
    np.testing.assert_array_equal(embedding_of(concurl, torch.tensor(PIXELS)), concurl_embed(concurl, feed)[1])
    dccm = DccmCNN((1, 32, 32), 5).eval()
    np.testing.assert_array_equal(embedding_of(dccm, torch.tensor(PIXELS)), dccm(rgb(torch.tensor(PIXELS))).features)


@torch.inference_mode()
def test_the_embedding_is_the_last_layer_and_its_size_is_known():
    for net, size in [(JuleCNN((1, 8, 8), 20), 20), (DccmCNN((1, 32, 32), 5), 64), (ConcurlNet((1, 32, 32), 5), 128)]:
        images = torch.zeros(2, *net.eval().shape, dtype=torch.uint8)
        layers = list(layers_of(net, images).values())
        torch.testing.assert_close(layers[-1], embedding_of(net, images))
        assert layers[-1].shape == (2, size)
        assert embedding_size(net) == size
