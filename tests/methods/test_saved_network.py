import json

import numpy as np
import pytest
import torch

from raycluster.errors import UserError
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.jule.head import JuleHead
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.saved_network import load_network, untrained_network
from raycluster.nn.backbone.network import Backbone
from raycluster.runtime.run_dir import RunDir


@pytest.mark.parametrize(
    "net",
    [JuleCNN((1, 16, 16), 20), DccmCNN((3, 32, 32), 7, deep_tap="fc"), ConcurlNet((3, 64, 64), 7, "resnet34")],
    ids=["jule", "dccm", "concurl"],
)
def test_the_model_of_a_run_is_rebuilt_with_its_weights(net, tmp_path):
    RunDir(tmp_path).write_model(net, net.architecture())
    again = load_network(tmp_path / "model")
    assert (type(again), again.training) == (type(net), False)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in again.state_dict().items())


@pytest.mark.parametrize(
    "net",
    [JuleCNN((1, 16, 16), 20), DccmCNN((1, 32, 32), 7), ConcurlNet((1, 32, 32), 7)],
    ids=["jule", "dccm", "concurl"],
)
def test_the_network_before_training_has_random_weights_and_statistics_of_the_images(net, tmp_path):
    RunDir(tmp_path).write_model(net, net.architecture())
    pixels = np.random.default_rng(0).integers(0, 256, (24, *net.shape), np.uint8)
    one, same, other = (untrained_network(tmp_path / "model", pixels, seed).state_dict() for seed in (1, 1, 2))
    name = next(name for name in one if name.endswith("running_mean"))
    kernel = next(name for name, value in one.items() if value.ndim == 4)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one[kernel], other[kernel])
    assert not torch.equal(one[kernel], net.state_dict()[kernel])
    assert one[name].abs().max() > 0


def test_a_network_on_frozen_features_has_no_state_before_training(tmp_path):
    net = JuleHead(Backbone("resnet18"))
    RunDir(tmp_path).write_model(net, net.architecture())
    assert untrained_network(tmp_path / "model", np.zeros((4, *net.shape), np.uint8), 0) is None


def test_a_missing_model_and_an_unknown_one_are_clear_errors(tmp_path):
    with pytest.raises(UserError, match=r"does not have model\.json"):
        load_network(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"name": "vit", "shape": [3, 32, 32]}))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(UserError, match="network 'vit' that this version does not support"):
        load_network(tmp_path)


def test_a_damaged_model_is_a_clear_error(tmp_path):
    net = JuleCNN((1, 8, 8), 20)
    RunDir(tmp_path).write_model(net, net.architecture())
    weights, description = tmp_path / "model" / "model.safetensors", tmp_path / "model" / "model.json"
    whole = weights.read_bytes()
    for content in (whole[: len(whole) // 2], b""):
        weights.write_bytes(content)
        with pytest.raises(UserError, match=r"The network in .*model is damaged"):
            load_network(tmp_path / "model")
    weights.write_bytes(whole)
    description.write_text(description.read_text().replace("20", "30"))  # other shapes
    with pytest.raises(UserError, match="is damaged"):
        load_network(tmp_path / "model")
    description.write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        load_network(tmp_path / "model")


def test_a_model_that_cannot_be_read_is_not_called_damaged(tmp_path):
    net = JuleCNN((1, 8, 8), 20)
    RunDir(tmp_path).write_model(net, net.architecture())
    weights = tmp_path / "model" / "model.safetensors"
    weights.unlink()
    weights.mkdir()
    with pytest.raises(UserError, match=r"The network in .*model cannot be read: Is a directory\. Make its files"):
        load_network(tmp_path / "model")
