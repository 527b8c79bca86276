import pickle

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from raycluster.errors import UserError
from raycluster.nn.backbone import Backbone, has_backbone, load_backbone
from raycluster.nn.resnet import MEAN, STD


@pytest.fixture(scope="module")
def resnet():
    return torchvision.models.resnet18().eval()


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@torch.inference_mode()
def test_features_are_what_the_torchvision_classifier_receives(resnet, suffix, tmp_path):
    weights = tmp_path / f"weights.{suffix}"
    save_file(resnet.state_dict(), weights) if suffix == "safetensors" else torch.save(resnet.state_dict(), weights)
    net = load_backbone("resnet18", weights, image_size=64)
    assert net.shape == (3, 64, 64)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    normal = (images / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    features = net.embed_images(images)
    assert features.shape == (2, 512)
    torch.testing.assert_close(resnet.fc(features), resnet(normal))


def test_weights_may_lack_the_classifier_or_have_a_different_one(resnet, tmp_path):
    state = {key: value for key, value in resnet.state_dict().items() if not key.startswith("fc.")}
    save_file(state, tmp_path / "without.safetensors")
    save_file(state | {"fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)}, tmp_path / "other.safetensors")
    for name in ("without", "other"):
        net = load_backbone("resnet18", tmp_path / f"{name}.safetensors", 32)
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


class _Trap:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was run",))


@pytest.mark.parametrize("content", ["numbers", "pickle", "noise", "nothing", "list", "missing"])
def test_nothing_but_tensors_is_loaded(content, tmp_path):
    for path in (tmp_path / "w.pth", tmp_path / "w.safetensors"):
        if content == "list":
            torch.save([torch.zeros(1)], path)
        elif content == "numbers":
            torch.save({1: torch.zeros(1)}, path)
        elif content != "missing":
            path.write_bytes({"pickle": pickle.dumps(_Trap()), "noise": b"noise", "nothing": b""}[content])
        with pytest.raises(UserError, match=r"w\.(pth|safetensors) "):
            load_backbone("resnet18", path)


def test_unknown_torchvision_names_are_an_error():
    assert has_backbone("resnet18")
    assert not has_backbone("fcn_resnet50")  # segmentation
    with pytest.raises(UserError, match="no classifier named resnet19"):
        Backbone("resnet19")


@pytest.mark.slow
def test_an_unsupported_image_size_is_an_error(tmp_path):
    save_file(torchvision.models.vit_b_32().state_dict(), tmp_path / "vit.safetensors")
    with pytest.raises(UserError, match="--image-size 96: vit_b_32 does not support this size"):
        load_backbone("vit_b_32", tmp_path / "vit.safetensors", 96)
