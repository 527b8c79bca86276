import pytest
import torch
from torch.nn import functional as F

from raycluster.methods.concurl.network import ConcurlNet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_heads_have_the_published_numbers_of_parameters():
    net = ConcurlNet((3, 32, 32), 10)
    assert (count(net.nce_head), count(net.head), count(net.prototypes)) == (65_664, 1_579_264, 2_560)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ConcurlNet((3, 32, 32), 5, "resnet18").eval()


def test_embeddings_and_prototypes_have_unit_length_and_the_projection_does_not(net):
    passed = net(torch.rand(4, 3, 32, 32))
    assert [tuple(values.shape) for values in passed] == [(4, 512), (4, 128), (4, 256), (4, 5)]
    for rows in (passed.nce, net.prototypes.weight):
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(rows)))
    expected = F.cosine_similarity(passed.head[:, None], net.prototypes.weight[None], dim=2)
    torch.testing.assert_close(passed.cosines, expected)
    assert (passed.head.norm(dim=1) - 1).abs().min() > 0.01


def test_the_network_normalizes_pixels_as_for_imagenet_and_returns_float32_under_autocast(net):
    seen = []
    hook = net.trunk.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        passed = net(torch.full((2, 3, 32, 32), 0.5))
    hook.remove()
    expected = torch.tensor([(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225])
    torch.testing.assert_close(seen[0][0, :, 7, 9], expected)
    assert {values.dtype for values in passed} == {torch.float32}


def test_new_images_go_to_the_nearest_centroid_or_prototype(net):
    passed = net(torch.rand(3, 3, 32, 32))
    net.nce_centroids.copy_(torch.eye(5, 128))
    net.nce_centroids[3] = passed.nce[1]
    net.head_centroids.zero_()
    net.head_centroids[2] = passed.head[0]
    assert net.assign(passed, "nce_embeddings")[1] == 3
    assert net.assign(passed, "clust_head")[0] == 2
    assert torch.equal(net.assign(passed, "outcode"), passed.cosines.argmax(1))
