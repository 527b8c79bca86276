import numpy as np
import torch

from raycluster.methods import find_method
from raycluster.methods.concurl.classifier_network import ClassifierNet, classify


def small_net():
    torch.manual_seed(0)
    return ClassifierNet((1, 32, 32), 3, 7, "resnet18")


def test_outputs_have_the_documented_shapes_for_any_crop():
    net = small_net()
    for side in (32, 28, 18):
        output = net(torch.rand(4, 3, side, side))
        assert [tuple(each.shape) for each in output] == [(4, 512), (4, 128), (4, 7), (4, 3)]
        torch.testing.assert_close(output.projection.norm(dim=1), torch.ones(4))
        assert output.cosines.abs().max() <= 1 + 1e-5


def test_the_classifier_does_not_move_the_trunk():
    net = small_net()
    net(torch.rand(4, 3, 28, 28)).logits.sum().backward()
    assert net.classifier.weight.grad is not None
    assert all(parameter.grad is None for parameter in net.trunk.parameters())
    assert net.head[0].weight.grad is None


def test_a_network_is_rebuilt_from_its_architecture():
    net = small_net().eval()
    again = find_method("concurl").build_network(net.architecture())
    again.load_state_dict(net.state_dict())
    images = torch.randint(256, (5, 1, 32, 32), dtype=torch.uint8)
    before, after = (each.eval().predict(each.prepare(images)) for each in (net, again))
    assert torch.equal(before.embeddings, after.embeddings)
    assert torch.equal(before.clusters, after.clusters)
    assert before.embeddings.shape == (5, 128)
    np.testing.assert_array_equal(classify(net, images.numpy()), before.clusters.numpy())
