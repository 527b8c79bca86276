import pytest
import torch

from raycluster.nn.backbone.network import Backbone


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Backbone("tf_efficientnet_lite0.in1k", 64).eval()


@torch.inference_mode()
def test_a_network_is_rebuilt_from_its_architecture_whatever_the_library_says_later(net):
    later = {"mean": [0.1, 0.2, 0.3], "crop_share": 0.5, "interpolation": "bilinear"}
    again = Backbone.rebuild(net.architecture() | later).eval()
    assert (again.crop_share, again.interpolation) == (0.5, "bilinear")
    torch.testing.assert_close(again.mean.flatten(), torch.tensor([0.1, 0.2, 0.3]))
    same = Backbone.rebuild(net.architecture()).eval()
    same.load_state_dict(net.state_dict())
    assert (same.canvas, same.embedding_size) == (net.canvas, net.embedding_size)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    assert torch.equal(same.embed_images(images), net.embed_images(images))


@torch.inference_mode()
def test_gray_images_are_taken_as_color(net):
    gray = torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)
    assert torch.equal(net.embed_images(gray), net.embed_images(gray.repeat(1, 3, 1, 1)))


@torch.inference_mode()
def test_features_without_a_direction_make_no_embedding(net):
    blank = Backbone.rebuild(net.architecture()).eval()
    blank.trunk = torch.nn.Flatten()
    mean = (blank.mean.expand(3, 64, 64) * 255)[None]
    assert not blank(mean / 255).isfinite().any()
