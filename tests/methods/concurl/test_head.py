import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from raycluster.methods.concurl.head import ConcurlHead, FeatureHeads
from raycluster.nn.backbone.load import load_backbone


@pytest.fixture
def rows():
    return F.normalize(torch.from_numpy(load_digits().data[:50]).float(), dim=1)


def test_heads_return_projections_nce_embeddings_and_cosines(rows):
    heads = FeatureHeads(64, 5).eval()
    output = heads(heads.prepare(rows[:, :, None, None]))
    torch.testing.assert_close(output.features, rows * 8)  # the root of 64
    torch.testing.assert_close(output.head, heads.head(rows * 8))
    torch.testing.assert_close(heads.embedding(output), F.normalize(output.head, dim=1))
    torch.testing.assert_close(output.cosines, heads.embedding(output) @ F.normalize(heads.prototypes.weight, dim=1).T)


def test_the_nce_embedding_begins_with_the_principal_directions(rows):
    heads = FeatureHeads(64, 5)
    heads.start_from(rows.numpy())
    nce = heads(rows).nce.detach()
    np.testing.assert_allclose(nce @ nce.T, rows @ rows.T, atol=1e-5)  # 128 numbers have room for all 64 directions
    principal = torch.linalg.svd(rows)[2][0]
    assert abs(float(heads.nce_head.weight[0].detach() @ principal)) == pytest.approx(1, abs=1e-5)


def test_a_head_with_its_network_assigns_images_as_the_heads_assign_features(lite0_weights):
    backbone = load_backbone("tf_efficientnet_lite0.in1k", lite0_weights, 32)[0]
    net = ConcurlHead(backbone, 3).eval()
    net.clustering = "clust_head"
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    heads = FeatureHeads(backbone.embedding_size, 3).eval()
    torch.nn.init.normal_(heads.head_centroids)
    heads.clustering = "clust_head"
    net.load_state_dict(heads.state_dict(), strict=False)
    with torch.inference_mode():
        found = net.predict(net.prepare(images))
        expected = heads.predict(backbone(backbone.prepare(images)))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
