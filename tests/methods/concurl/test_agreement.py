import math

import pytest
import torch

from raycluster.methods.concurl.agreement import agreement_loss, of_the_others


def test_large_crops_leave_themselves_out_and_small_ones_do_not():
    large = torch.tensor([[[1.0, 2.0]], [[10.0, 20.0]]])
    sums = of_the_others(large, 4)
    assert sums.tolist() == [[[10, 20]], [[1, 2]], [[11, 22]], [[11, 22]]]


def test_the_loss_is_the_mean_over_pairs_of_crops():
    generator = torch.Generator().manual_seed(0)
    cosines = torch.rand(4, 5, 3, generator=generator)
    targets = torch.rand(2, 5, 3, generator=generator).softmax(dim=2)
    logs = (cosines / 0.1).log_softmax(dim=2)
    pairs = [-(targets[a] * logs[b]).sum(dim=1).mean() for a in range(2) for b in range(4) if a != b]
    assert agreement_loss(cosines, targets, 0.1).item() == pytest.approx((sum(pairs) / 6).item(), rel=1e-5)


def test_equal_cosines_cost_the_logarithm_of_the_number_of_prototypes():
    targets = torch.eye(4).expand(2, 4, 4)
    assert agreement_loss(torch.zeros(6, 4, 4), targets, 0.1).item() == pytest.approx(math.log(4))
    right = 10 * torch.eye(4).expand(6, 4, 4)
    assert agreement_loss(right, targets, 0.1).item() == pytest.approx(0, abs=1e-6)
