from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_sample_images

from raycluster.data.image.fit import prepare
from raycluster.errors import UserError
from raycluster.nn.backbone.load import load_backbone
from raycluster.nn.resnet import MEAN, STD


@pytest.fixture(scope="module")
def resnet():
    return torchvision.models.resnet18().eval()


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@torch.inference_mode()
def test_embeddings_are_what_the_torchvision_classifier_receives_at_length_1(resnet, suffix, tmp_path):
    weights = tmp_path / f"weights.{suffix}"
    save_file(resnet.state_dict(), weights) if suffix == "safetensors" else torch.save(resnet.state_dict(), weights)
    net, path = load_backbone("resnet18", weights, image_size=64)
    assert (net.shape, net.training, path) == ((3, 64, 64), False, weights)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    normal = (images / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    embeddings = net.embed_images(images)
    assert embeddings.shape == (2, 512)
    without_bias = resnet(normal) - resnet.fc.bias
    wanted = torch.nn.functional.normalize(without_bias)
    torch.testing.assert_close(torch.nn.functional.normalize(embeddings @ resnet.fc.weight.T), wanted)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))


@torch.inference_mode()
def test_a_network_of_timm_sees_pictures_as_it_did_in_its_training(lite0_weights):
    """The summer palace and a dahlia, whose nearest class of ImageNet is the daisy, through our preparation."""
    net, _ = load_backbone("tf_efficientnet_lite0.in1k", lite0_weights)
    pixels = np.stack([prepare(picture, net.canvas) for picture in load_sample_images().images])
    embeddings = net.embed_images(torch.tensor(pixels))
    classifier = load_file(lite0_weights)
    names = timm.data.ImageNetInfo()
    found = [names.index_to_description(int(i)) for i in (embeddings @ classifier["classifier.weight"].T).argmax(1)]
    assert [name.split(",")[0] for name in found] == ["palace", "daisy"]


def test_position_embeddings_are_resized_to_the_image_size(tmp_path):
    whole = timm.create_model("vit_tiny_patch16_224.augreg_in21k", img_size=64, num_classes=0)
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    net, _ = load_backbone("vit_tiny_patch16_224.augreg_in21k", tmp_path / "w.safetensors", 96)
    assert net.trunk.pos_embed.shape == (1, 1 + 6 * 6, 192)
    assert torch.equal(net.trunk.cls_token, whole.cls_token)


def test_weights_may_lack_the_classifier_or_have_a_different_one(resnet, tmp_path):
    state = {key: value for key, value in resnet.state_dict().items() if not key.startswith("fc.")}
    save_file(state, tmp_path / "without.safetensors")
    save_file(state | {"fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)}, tmp_path / "other.safetensors")
    for name in ("without", "other"):
        net, _ = load_backbone("resnet18", tmp_path / f"{name}.safetensors", 32)
        assert torch.equal(net.trunk.conv1.weight, resnet.conv1.weight)


def test_keys_that_do_not_match_are_named(resnet, tmp_path):
    state = resnet.state_dict()
    state["head.weight"] = state.pop("conv1.weight")
    state["bn1.weight"] = torch.zeros(3)
    torch.save({"state_dict": state}, tmp_path / "w.pth")
    sentence = r"missing: conv1.weight; unexpected: head.weight; bn1.weight is \(3,\) instead of \(64,\)\.$"
    with pytest.raises(UserError, match=sentence):
        load_backbone("resnet18", tmp_path / "w.pth")
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"missing: conv1.weight, bn1.weight, bn1.bias and \d+ more; unexpected: a"):
        load_backbone("resnet18", tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"w.safetensors does not contain the weights of vit_tiny_patch16_224"):
        load_backbone("vit_tiny_patch16_224.augreg_in21k", tmp_path / "w.safetensors")


@pytest.mark.slow
def test_an_unsupported_image_size_is_an_error(tmp_path):
    save_file(torchvision.models.vit_b_32().state_dict(), tmp_path / "vit.safetensors")
    with pytest.raises(UserError, match="--image-size 96: vit_b_32 does not support this size"):
        load_backbone("vit_b_32", tmp_path / "vit.safetensors", 96)


def test_a_size_at_which_a_network_sees_nothing_is_an_error(lite0_weights):
    weights = Path(lite0_weights)
    with pytest.raises(UserError, match=r"--image-size 7: all features that tf_efficientnet_lite0.in1k finds .* are 0"):
        load_backbone("tf_efficientnet_lite0.in1k", weights, 7)
    load_backbone("tf_efficientnet_lite0.in1k", weights, 16)
