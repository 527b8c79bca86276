import sys

import pytest
import torch

from raycluster.errors import UserError
from raycluster.nn.backbone.libraries import Preparation, build_headless, library_of
from raycluster.options import DEFAULT_BACKBONE


def test_a_name_without_a_tag_that_torchvision_has_is_torchvisions():
    assert library_of("resnet50") == "torchvision"
    assert library_of("resnet50.a1_in1k") == "timm"
    assert library_of("vit_small_patch14_reg4_dinov2") == "timm"
    assert library_of(DEFAULT_BACKBONE) == "timm"


@pytest.mark.parametrize("name", ["fcn_resnet50", "resnet50.nonsense", "no-such-net"])
def test_a_name_that_no_library_has_is_an_error(name):
    with pytest.raises(UserError, match=f"Neither timm nor torchvision has a network named {name}"):
        library_of(name)
    with pytest.raises(UserError, match=r"did you mean .*vit_small_patch14_dinov2\.lvd142m"):
        library_of("vit_small_patch14_dino")


def test_without_timm_its_names_ask_for_it_and_torchvisions_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    assert library_of("resnet50") == "torchvision"
    with pytest.raises(
        UserError, match=r"resnet50\.a1_in1k would be one of timm's, which is not installed: pip install"
    ):
        library_of("resnet50.a1_in1k")


def test_images_are_prepared_as_the_library_says():
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    half = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    wanted = {
        ("timm", "tf_efficientnet_lite0.in1k"): Preparation(224, 0.875, "bicubic", *half),
        ("torchvision", "resnet18"): Preparation(224, 224 / 256, "bilinear", *imagenet),
        ("torchvision", "efficientnet_b0"): Preparation(224, 224 / 256, "bicubic", *imagenet),
    }
    for (library, name), preparation in wanted.items():
        assert build_headless(library, name).preparation == preparation
    assert build_headless("torchvision", "resnet18", 96).preparation.side == 96


def test_a_network_is_built_for_the_size_of_its_weights():
    with torch.device("meta"):  # which takes no memory
        trunk = build_headless("torchvision", "vit_h_14")
    assert (trunk.net.image_size, trunk.preparation.side) == (518, 518)


def test_dinov2_is_built_for_the_size_that_it_was_evaluated_at_and_its_license_is_known():
    trunk = build_headless("timm", DEFAULT_BACKBONE)
    assert (trunk.preparation.side, trunk.preparation.crop_share, trunk.license) == (224, 1.0, "apache-2.0")
    assert trunk.net.patch_embed.img_size == (224, 224)
    assert build_headless("timm", DEFAULT_BACKBONE, 98).net.patch_embed.img_size == (98, 98)


def test_the_random_numbers_of_others_are_left_alone():
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    build_headless("timm", "tf_efficientnet_lite0.in1k")
    assert torch.equal(torch.rand(1), wanted)
