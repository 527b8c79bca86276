from unittest.mock import patch

import pytest
import torch
from torch.nn import functional as F

from raycluster.methods.concurl import memory_bank
from raycluster.methods.concurl.memory_bank import MemoryBank
from raycluster.nn.collective import all_gather_with_gradient

CPU = torch.device("cpu")


def test_rows_move_as_computed_by_hand():
    bank = MemoryBank(3, 2, 0, CPU)
    bank.rows[:2] = torch.tensor([[0.8, 0.6], [1.0, 0.0]])
    untouched = bank.rows[2].clone()
    bank.update(torch.tensor([0, 1]), torch.tensor([[0.6, 0.8], [0.6, 0.8]]))
    expected = torch.tensor([[0.7071, 0.7071], [0.8944, 0.4472]])
    torch.testing.assert_close(bank.rows[:2], expected, atol=5e-5, rtol=0)
    assert torch.equal(bank.rows[2], untouched)


def test_initial_rows_are_uniform_noise_of_about_unit_length():
    rows = MemoryBank(5_000, 128, 0, CPU).rows
    assert rows.abs().max().item() == pytest.approx(0.15309, abs=1e-4)
    assert rows.square().sum(1).mean().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("products", [0, 100])
def test_products_are_with_the_rows_of_the_images_and_of_the_noise(monkeypatch, products):
    monkeypatch.setattr(memory_bank, "ALL_PRODUCTS_UP_TO", products)
    bank = MemoryBank(50, 8, 0, CPU)
    e = torch.randn(3, 8, requires_grad=True)
    ids, noise = torch.tensor([7, 0, 49]), bank.draw_noise(3, 20, torch.Generator().manual_seed(0))
    positive, others = bank.products(e, ids, noise)
    torch.testing.assert_close(positive, torch.stack([e[i] @ bank.rows[ids[i]] for i in range(3)]))
    torch.testing.assert_close(others, torch.stack([bank.rows[noise[i]] @ e[i] for i in range(3)]))
    assert others.requires_grad
    assert not bank.rows.requires_grad


def test_noise_is_drawn_uniformly_from_all_rows():
    drawn = MemoryBank(10, 2, 0, CPU).draw_noise(200, 500, torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn.flatten(), minlength=10) / drawn.numel()
    torch.testing.assert_close(shares, torch.full((10,), 0.1), atol=0.01, rtol=0)


def test_z_bar_is_saved_with_the_rows():
    bank = MemoryBank(4, 2, 0, CPU)
    assert "z_bar" not in bank.state()
    bank.set_z_bar(torch.tensor(2.0))
    other = MemoryBank(4, 2, 1, CPU)
    other.load_state(bank.state())
    assert torch.equal(other.rows, bank.rows)
    assert other.z_bar == 2


N = 7  # not divisible by two
IDS, EMBEDDINGS = torch.tensor([5, 0, 2, 3]), F.normalize(torch.randn(4, 3, generator=torch.Generator().manual_seed(1)))


@patch.object(memory_bank, "CHUNK", 2)  # so that there are several chunks
def worker(rank: int) -> tuple:
    bank = MemoryBank(N, 3, 0, CPU, "partitioned", rank, 2, all_gather_with_gradient)
    ids, embeddings = IDS.split(2)[rank], EMBEDDINGS.split(2)[rank]
    found = bank.lookup(ids).tolist()
    bank.update(ids, embeddings)
    z_bar = bank.set_z_bar(torch.tensor(1.0 + rank)).item()
    state = bank.state()
    rows = bank.rows.clone()
    if rank == 0:
        bank.load_state(state)
        assert torch.equal(bank.rows, rows)
    return found, bank.n_own, z_bar, state["rows"].tolist()


@pytest.mark.slow
def test_a_partitioned_bank_has_looks_up_and_moves_the_same_rows_as_a_replicated_one(on_two_workers):
    answers = on_two_workers(worker)
    bank = MemoryBank(N, 3, 0, CPU)
    assert torch.equal(torch.tensor(answers[0][0] + answers[1][0]), bank.rows[IDS])
    assert (answers[0][1], answers[1][1]) == (4, 3)
    assert answers[0][2] == answers[1][2] == 1.5
    bank.update(IDS, EMBEDDINGS)
    assert torch.equal(torch.tensor(answers[0][3]), bank.rows)
    assert answers[1][3] == []
