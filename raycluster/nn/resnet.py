"""ResNet trunks."""

from __future__ import annotations

import torchvision
from torch import nn

from raycluster.nn.trunks import Trunk

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, used for every data set


def default_trunk(side: int) -> Trunk:
    """Return ConCURL's released trunk: CIFAR ResNet-18 at 32 pixels, ResNet-50 at 160; in between, ResNet-18."""
    return "cifar_resnet18" if side <= 32 else "resnet18" if side < 160 else "resnet50"


def build_trunk(name: Trunk) -> tuple[nn.Module, int]:
    """Return a trunk without its classifier, and the number of features it outputs.

    ``cifar_resnet18`` begins with a 3x3 convolution of stride 1 without pooling, and its convolutions have PyTorch's
    default initialization; the other trunks are torchvision's.
    """
    if name == "cifar_resnet18":
        net = torchvision.models.resnet18()
        net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        net.maxpool = nn.Identity()
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.reset_parameters()
    else:
        net = getattr(torchvision.models, name)()
    size = net.fc.in_features
    net.fc = nn.Identity()
    return net, size
