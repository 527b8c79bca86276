import pytest
import torch

from raycluster.methods.concurl.settings import SIDES
from raycluster.nn.resnet import build_trunk, default_trunk


@pytest.mark.parametrize(
    ("name", "size", "parameters"), [("cifar_resnet18", 512, 11_168_832), ("resnet50", 2048, 23_508_032)]
)
def test_trunks_have_the_published_numbers_of_parameters(name, size, parameters):
    trunk, features = build_trunk(name)
    assert (features, sum(parameter.numel() for parameter in trunk.parameters())) == (size, parameters)


def test_each_image_size_has_the_released_trunk():
    assert [default_trunk(side) for side in SIDES] == ["cifar_resnet18", "resnet18", "resnet18", "resnet50"]


def test_the_cifar_trunk_keeps_the_image_size_until_its_second_stage_and_has_default_weights():
    trunk, _ = build_trunk("cifar_resnet18")
    sizes = []
    for stage in (trunk.layer1, trunk.layer4):
        stage.register_forward_hook(lambda module, inputs, output: sizes.append(tuple(output.shape[1:])))
    trunk.eval()(torch.zeros(1, 3, 32, 32))
    assert sizes == [(64, 32, 32), (512, 4, 4)]
    weight = trunk.layer4[1].conv2.weight  # uniform, unlike torchvision's normal weights
    assert weight.abs().max().item() == pytest.approx((512 * 9) ** -0.5, rel=1e-3)
