import pytest
import torch

from raycluster.nn.collective import all_gather_with_gradient
from raycluster.nn.sinkhorn import sinkhorn

S1 = torch.tensor([[0.30, 0.25, 0.10], [0.28, 0.20, 0.15], [0.05, 0.22, 0.18], [0.26, 0.24, 0.21]])
S2 = torch.tensor([[0.32, 0.20, 0.12], [0.22, 0.24, 0.10], [0.10, 0.15, 0.25], [0.20, 0.28, 0.20]])
Q1 = torch.tensor(
    [[0.5475, 0.3946, 0.0579], [0.5481, 0.2168, 0.2352], [0.0073, 0.4269, 0.5658], [0.2253, 0.2958, 0.4789]]
)
Q2 = torch.tensor(
    [[0.8610, 0.0941, 0.0449], [0.3272, 0.5883, 0.0844], [0.0163, 0.0534, 0.9304], [0.1019, 0.6083, 0.2898]]
)
ALONE = torch.tensor(
    [[0.3740, 0.4661, 0.1599], [0.2926, 0.2001, 0.5073], [0.0367, 0.4965, 0.4668], [0.6058, 0.1835, 0.2107]]
)


def near(value, expected, atol=6e-5):
    torch.testing.assert_close(value, torch.as_tensor(expected), atol=atol, rtol=0)


def test_assignments_match_those_computed_by_hand():
    near(sinkhorn(S1), Q1)
    near(sinkhorn(S2), Q2)
    near(sinkhorn(S1).sum(0), [1.3281, 1.3341, 1.3378])


@pytest.mark.parametrize(
    ("iterations", "row"),
    [
        (0, [0.7214, 0.2654, 0.0132]),
        (1, [0.5270, 0.4097, 0.0633]),
        (2, [0.5432, 0.3978, 0.0590]),
        (100, [0.5491, 0.3933, 0.0575]),
    ],
)
def test_each_iteration_matches_the_one_computed_by_hand(iterations, row):
    near(sinkhorn(S1, iterations=iterations)[0], row)


def test_equal_cosines_give_equal_shares_and_no_cosine_overflows():
    near(sinkhorn(torch.full((4, 3), 0.2)), torch.full((4, 3), 1 / 3))
    assert torch.isfinite(sinkhorn(S1, epsilon=1e-3)).all()
    assert sinkhorn(S1.half()).dtype == torch.float32


def test_permuting_the_batch_permutes_the_rows_and_no_gradient_flows():
    order = torch.tensor([2, 0, 3, 1])
    near(sinkhorn(S1[order]), sinkhorn(S1)[order], atol=1e-6)
    assert not sinkhorn(S1.clone().requires_grad_()).requires_grad


def worker(rank: int) -> tuple[list, list]:
    mine = S1.split(2)[rank]
    return sinkhorn(mine, gather=all_gather_with_gradient).tolist(), sinkhorn(mine).tolist()


def test_two_workers_balance_over_the_batch_of_both(on_two_workers):
    answers = on_two_workers(worker)
    together, alone = (torch.tensor(answers[0][i] + answers[1][i]) for i in range(2))
    near(together, sinkhorn(S1), atol=1e-6)
    near(alone, ALONE)
