import hashlib

import pytest
import timm
import torch

from raycluster.errors import UserError
from raycluster.nn.backbone.download import published_weights
from raycluster.options import DEFAULT_BACKBONE


@pytest.fixture
def _offline(monkeypatch, tmp_path):
    """Let nobody answer, and nothing be on this machine."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.mark.usefixtures("_offline")
@pytest.mark.parametrize(
    ("library", "name", "host", "url"),
    [
        (
            *("timm", DEFAULT_BACKBONE, "huggingface.co"),
            f"https://huggingface.co/timm/{DEFAULT_BACKBONE}/resolve/main/model.safetensors",
        ),
        (
            *("torchvision", "resnet18", "download.pytorch.org"),
            "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        ),
    ],
)
def test_offline_the_sentence_says_what_to_download_and_how_to_name_it(library, name, host, url):
    with pytest.raises(UserError) as caught:
        published_weights(library, name)
    said = str(caught.value)
    assert said.startswith(f"The weights of {name} are not on this machine, and {host} cannot be reached (")
    assert said.endswith(f"Download {url} where it can be, copy the file here, and name it with --weights FILE.")


@pytest.mark.usefixtures("_offline")
def test_weights_that_were_fetched_before_are_found_without_a_network(tmp_path):
    file = tmp_path / "torch" / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    file.parent.mkdir(parents=True)
    torch.save({}, file)
    assert published_weights("torchvision", "resnet18") == file
    commit = hashlib.sha1(b"").hexdigest()
    repository = tmp_path / "hub" / f"models--timm--{DEFAULT_BACKBONE}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    kept = repository / "snapshots" / commit / "model.safetensors"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert published_weights("timm", DEFAULT_BACKBONE) == kept


def test_a_network_without_published_weights_is_an_error():
    name = next(name for name in timm.list_models() if not timm.get_pretrained_cfg(name).hf_hub_id)
    with pytest.raises(UserError, match=f"timm does not say where weights of {name} are: name a file"):
        published_weights("timm", name)
