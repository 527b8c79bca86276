import pickle

import pytest
import torch
from safetensors.torch import save_file

from raycluster.errors import UserError
from raycluster.nn.backbone.weights import read_weights


def test_tensors_are_read_from_both_kinds_of_files(tmp_path):
    state = {"a": torch.arange(3.0)}
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pth")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "checkpoint.pth")
    for name in ("w.safetensors", "w.pth", "checkpoint.pth"):
        assert torch.equal(read_weights(tmp_path / name)["a"], state["a"])


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
        with pytest.raises(UserError, match=r"w\.(pth|safetensors) ") as error:
            read_weights(path)
        assert "weights_only" not in str(error.value)
