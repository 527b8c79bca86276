import torch

from raycluster.training.checkpoint import load_checkpoints, load_latest, save_checkpoint


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
