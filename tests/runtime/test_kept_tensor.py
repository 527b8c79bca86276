import pytest
import torch

from raycluster.runtime.kept_tensor import kept_tensor


def never():
    raise AssertionError("computed twice")


def test_a_tensor_is_computed_once(tmp_path):
    path = tmp_path / "kept" / "part.safetensors"
    first = kept_tensor(path, lambda: torch.arange(6.0).view(2, 3))
    assert torch.equal(first, torch.arange(6.0).view(2, 3))
    assert torch.equal(kept_tensor(path, never), first)


def test_what_failed_or_is_damaged_is_computed_again(tmp_path):
    path = tmp_path / "part.safetensors"
    with pytest.raises(AssertionError):
        kept_tensor(path, never)
    assert not path.exists()
    path.write_bytes(b"cut short")
    assert kept_tensor(path, lambda: torch.ones(2)).tolist() == [1, 1]
    assert kept_tensor(path, never).tolist() == [1, 1]
