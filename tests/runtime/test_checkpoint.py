import re

import pytest
import torch

from raycluster.errors import UserError
from raycluster.runtime.checkpoint import (
    load_checkpoints,
    load_latest,
    optimizer_state,
    put_damaged_aside,
    restore_optimizer,
    save_checkpoint,
    with_prefix,
    without_prefix,
)


def test_nothing_saved_is_nothing_loaded(tmp_path):
    assert load_latest(tmp_path / "none") is None
    assert load_checkpoints(tmp_path / "none") == []


def test_the_newest_two_are_kept_and_loaded_in_order(tmp_path):
    for step in range(4):
        save_checkpoint(tmp_path, {"w": torch.full((2,), float(step))}, {"step": step})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000002", "000003"]
    assert [state["step"] for _, state in load_checkpoints(tmp_path)] == [2, 3]
    tensors, state = load_latest(tmp_path)
    assert state == {"step": 3}
    assert tensors["w"].tolist() == [3.0, 3.0]


def test_a_killed_writer_leaves_the_previous_checkpoint_in_force(tmp_path):
    save_checkpoint(tmp_path, {"w": torch.zeros(1)}, {"step": 0})
    torn = tmp_path / "000001.partial"
    torn.mkdir()
    (torn / "tensors.safetensors").write_bytes(b"half")
    assert load_latest(tmp_path)[1] == {"step": 0}
    save_checkpoint(tmp_path, {"w": torch.ones(1)}, {"step": 1})
    assert load_latest(tmp_path)[1] == {"step": 1}
    assert not torn.exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: cut(folder / "tensors.safetensors"), "file not fully covered"),
        (lambda folder: (folder / "tensors.safetensors").write_bytes(b""), "header too small"),
        (lambda folder: (folder / "tensors.safetensors").write_bytes(bytes(500)), "invalid JSON in header"),
        (lambda folder: (folder / "tensors.safetensors").unlink(), "a file is missing"),
        (lambda folder: cut(folder / "state.json"), "state.json"),
        (lambda folder: (folder / "state.json").write_bytes(b"\xff"), "state.json"),
        (lambda folder: (folder / "state.json").write_text("null"), "state.json does not describe a checkpoint"),
    ],
    ids=["cut", "empty", "zeros", "missing", "state cut", "state no text", "state null"],
)
def test_in_place_of_a_damaged_checkpoint_the_one_before_it_counts(tmp_path, damage, reason):
    for step in range(2):
        save_checkpoint(tmp_path, {"w": torch.full((2,), float(step))}, {"step": step})
    damage(tmp_path / "000001")
    assert load_latest(tmp_path)[1] == {"step": 0}
    assert [state["step"] for _, state in load_checkpoints(tmp_path)] == [0]
    (sentence,) = put_damaged_aside(tmp_path)
    assert re.search(
        rf"The checkpoint .*000001 is damaged \(.*{reason}.*\)\. It was renamed to 000001\.damaged", sentence
    )
    assert put_damaged_aside(tmp_path) == []
    for step in (1, 2):  # those that follow leave the intact ones alone
        save_checkpoint(tmp_path, {"w": torch.zeros(2)}, {"step": step})
        assert [state["step"] for _, state in load_checkpoints(tmp_path)] == [step - 1, step]


def test_the_same_checkpoint_can_be_damaged_again(tmp_path):
    for _ in range(2):
        cut(save_checkpoint(tmp_path, {"w": torch.zeros(1)}, {}) / "tensors.safetensors")
        assert len(put_damaged_aside(tmp_path)) == 1
        assert load_latest(tmp_path) is None


def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_a_damaged_one(tmp_path):
    state = save_checkpoint(tmp_path, {"w": torch.zeros(1)}, {"step": 0}) / "state.json"
    state.unlink()
    state.mkdir()
    for reader in (load_latest, load_checkpoints, put_damaged_aside):
        with pytest.raises(UserError, match=r"state\.json cannot be read: Is a directory\. Make it readable"):
            reader(tmp_path)


def test_two_names_for_one_tensor_are_both_saved(tmp_path):
    labels = torch.arange(3)
    save_checkpoint(tmp_path, {"labels": labels, "best": labels, "scalar": torch.tensor(0.5)}, {})
    tensors, _ = load_latest(tmp_path)
    assert tensors["labels"].tolist() == tensors["best"].tolist() == [0, 1, 2]
    assert tensors["scalar"].item() == 0.5


def test_kinds_of_tensors_are_told_apart_by_their_prefix():
    one = torch.ones(1)
    together = with_prefix("model", {"a.b": one}) | with_prefix("optimizer", {"a.b": one * 2})
    assert without_prefix("optimizer", together) == {"a.b": one * 2}


def test_a_restored_optimizer_takes_the_steps_of_the_one_that_was_saved(tmp_path):
    def trained(steps, begin=None, saved=None):
        weight = torch.tensor([1.0, 2.0], requires_grad=True)
        if begin is not None:
            weight.data.copy_(begin)
        optimizer = torch.optim.RMSprop([weight], lr=0.1, alpha=0.9)
        if saved:
            restore_optimizer(optimizer, saved)
        for _ in range(steps):
            weight.grad = 2 * weight.detach()
            optimizer.step()
        return weight.detach(), optimizer

    half, optimizer = trained(3)
    save_checkpoint(tmp_path, optimizer_state(optimizer), {})
    again, _ = trained(2, half, load_latest(tmp_path)[0])
    assert torch.equal(again, trained(5)[0])


def test_a_restored_optimizer_remembers_in_the_order_of_its_parameters_in_memory():
    weight = torch.rand(4, 3, 2, 2).to(memory_format=torch.channels_last).requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    saved = torch.rand(4, 3, 2, 2)
    restore_optimizer(optimizer, {"0.momentum_buffer": saved})
    found = optimizer.state[weight]["momentum_buffer"]
    assert torch.equal(found, saved)
    assert found.stride() == weight.stride() != saved.stride()
