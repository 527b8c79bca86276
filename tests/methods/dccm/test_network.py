import pytest
import torch
from torch import nn

from raycluster.methods.dccm.network import DccmCNN, Discriminator
from raycluster.nn.batch_norm import BatchNorm
from raycluster.nn.pixels import rgb


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_network_has_the_released_shapes_and_numbers_of_parameters():
    net = DccmCNN((3, 32, 32), 10)
    outputs = {}
    for layer in (*net.block1, *net.block2, *net.block3, *net.fc, net.logits, net.norm):
        layer.register_forward_hook(lambda layer, _, out: outputs.update({layer: tuple(out.shape[1:])}))
    passed = net(torch.rand(4, 3, 32, 32))
    shapes = list(outputs.values())
    assert [shape for i, shape in enumerate(shapes) if i in (0, 3, 6, 7, 10, 11, 14, 17, 18)] == [
        (64, 30, 30),
        (64, 28, 28),
        (64, 14, 14),
        (128, 12, 12),
        (128, 6, 6),
        (256, 4, 4),
        (64,),
        (10,),
        (10,),
    ]
    assert passed.probabilities.shape == passed.deep.shape == (4, 10)
    assert passed.shallow.shape == (4, 64, 14, 14)
    assert (passed.features.shape, passed.conv.shape) == ((4, 64), (4, 256))
    torch.testing.assert_close(passed.probabilities.sum(1), torch.ones(4))
    assert count(net) == 426_014
    assert count(Discriminator(64, 10)) == 300_544
    assert count(Discriminator(64, 20)) == 305_664


@pytest.mark.parametrize(("side", "pooled"), [(64, 15), (96, 23)])
def test_larger_images_have_a_stem_of_stride_two(side, pooled):
    passed = DccmCNN((1, side, side), 5)(torch.rand(2, 3, side, side))
    assert passed.shallow.shape == (2, 64, pooled, pooled)
    assert passed.conv.shape == (2, 256)


def test_other_taps_have_the_sizes_that_they_report():
    net = DccmCNN((3, 32, 32), 10, shallow_tap="conv3", deep_tap="fc")
    passed = net(torch.rand(2, 3, 32, 32))
    assert passed.shallow.shape == (2, net.shallow_channels, 12, 12)
    assert passed.deep.shape == (2, net.deep_size) == (2, 64)


def test_other_sizes_are_an_error():
    with pytest.raises(ValueError, match="squares of 32, 64 or 96 pixels"):
        DccmCNN((3, 28, 28), 10)


def test_linear_layers_start_as_the_identity_and_convolutions_with_kaiming_weights():
    torch.manual_seed(0)
    net = DccmCNN((3, 32, 32), 10)
    assert torch.equal(net.logits.weight, torch.eye(10, 64))
    assert torch.equal(net.fc[0].weight, torch.eye(64, 256))
    assert net.block3[1].weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert net.block1[0].bias.abs().max() == 0


def test_the_discriminator_computes_1x1_convolutions_on_map_and_vector():
    torch.manual_seed(0)
    discriminator = Discriminator(6, 3)
    shallow, deep = torch.randn(4, 6, 5, 5), torch.randn(4, 3)
    partners = torch.tensor([[0, 2], [1, 3], [2, 0], [3, 1]])
    scores = discriminator(shallow, deep, partners)
    layers = [discriminator.first, discriminator.rest[1], discriminator.rest[3]]
    for column in range(2):
        values = torch.cat([shallow[partners[:, column]], deep[:, :, None, None].expand(-1, -1, 5, 5)], dim=1)
        for i, layer in enumerate(layers):
            values = nn.functional.conv2d(values, layer.weight[:, :, None, None])
            values = values.relu() if i < 2 else values
        torch.testing.assert_close(scores[:, column], values.flatten(1))


def test_head_without_batchnorm_ends_in_the_logits():
    net = DccmCNN((3, 32, 32), 10, head_bn=False)
    passed = net(torch.rand(3, 3, 32, 32))
    torch.testing.assert_close(passed.probabilities, passed.deep.softmax(1))
    assert sum(isinstance(module, BatchNorm) for module in net.modules()) == 5


def test_gray_is_copied_to_all_three_channels():
    images = torch.randint(0, 256, (2, 1, 4, 4), dtype=torch.uint8)
    converted = rgb(images)
    assert converted.shape == (2, 3, 4, 4)
    assert torch.equal(converted[:, 0], converted[:, 2])
    assert converted.max() <= 1
    assert rgb(images.expand(-1, 3, -1, -1)).shape == (2, 3, 4, 4)


def test_the_architecture_rebuilds_the_same_network():
    net = DccmCNN((1, 64, 64), 7, deep_tap="fc", head_bn=False)
    architecture = net.architecture()
    names = ("n_clusters", "shallow_tap", "deep_tap", "head_bn")
    again = DccmCNN(tuple(architecture["shape"]), **{name: architecture[name] for name in names})
    again.load_state_dict(net.state_dict())
