import math

import pytest
import torch
from torch.nn import functional as F

from raycluster.methods.concurl.nce import mean_exponential, nce_loss, softmax_loss

TAU = 0.5
OWN, NOISE = torch.tensor([0.8, 0.6]), torch.tensor([[0.0, 1.0], [-0.6, 0.8]])


def scores(e):
    return (e @ OWN)[None] / TAU, (NOISE @ e)[None] / TAU


def test_loss_offset_and_gradient_match_those_computed_by_hand():
    e = torch.tensor([0.6, 0.8], requires_grad=True)
    positive, noise = scores(e)
    z_bar = mean_exponential(positive, noise)
    assert z_bar.item() == pytest.approx(4.508221, abs=1e-5)
    assert not z_bar.requires_grad
    loss = nce_loss(positive, noise, z_bar)
    assert loss.item() == pytest.approx(1.457646, abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, e)
    torch.testing.assert_close(gradient, torch.tensor([-1.1060, 0.2861]), atol=6e-5, rtol=0)


def test_the_closed_form_equals_the_published_loss_for_any_number_of_images():
    positive, noise = scores(torch.tensor([0.6, 0.8]))
    for n in (8, 50_000):
        z = n * mean_exponential(positive, noise).double()
        own, others = positive.double().exp() / z, noise.double().exp() / z
        h, g = own / (own + 2 / n), (2 / n) / (others + 2 / n)  # without the released 1e-7 that prevents 0 / 0
        published = -(h.log() + g.log().sum(1)).mean()
        assert nce_loss(positive, noise, z / n).item() == pytest.approx(published.item(), abs=1e-6)


def test_the_loss_starts_near_9_3179_with_4096_rows_of_noise():
    generator = torch.Generator().manual_seed(0)
    e = F.normalize(torch.randn(32, 128, generator=generator), dim=1)
    bank = (2 * torch.rand(500, 128, generator=generator) - 1) * (3 / 128) ** 0.5
    drawn = torch.randint(500, (32, 4096), generator=generator)
    dots = e @ bank.T
    for tau in (0.35, 0.5, 0.85, 1.0):
        positive, noise = dots[:, 0] / tau, dots.gather(1, drawn) / tau
        loss = nce_loss(positive, noise, mean_exponential(positive, noise))
        assert loss.item() == pytest.approx(math.log(4097) + 4096 * math.log1p(1 / 4096), abs=0.05)


def test_large_scores_stay_finite_and_half_precision_is_summed_in_float32():
    positive, noise = torch.tensor([-300.0]), torch.full((1, 5), 300.0)
    assert nce_loss(positive, noise, torch.tensor(1.0)).item() == pytest.approx(
        300 + math.log(5) + 5 * (300 - math.log(5))
    )
    assert nce_loss(torch.zeros(2).bfloat16(), torch.zeros(2, 4).bfloat16(), torch.tensor(1.0)).dtype == torch.float32


def test_the_full_softmax_is_cross_entropy_over_all_rows():
    e = torch.tensor([[0.6, 0.8]])
    rows = torch.cat([OWN[None], NOISE])
    expected = -math.log(6.8210 / (6.8210 + 4.9530 + 1.7507))
    assert softmax_loss(e @ rows.T / TAU, torch.tensor([0])).item() == pytest.approx(expected, abs=1e-4)
