import torch

from raycluster.runtime.checkpoint import (
    load_checkpoints,
    load_latest,
    optimizer_state,
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
