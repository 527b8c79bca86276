import math

import pytest
import torch

from raycluster.methods.concurl.information import information_loss, joint_distribution, large_logits_loss


def test_the_joint_distribution_counts_pairs_of_different_crops():
    generator = torch.Generator().manual_seed(0)
    clusters = torch.rand(3, 4, 2, generator=generator).softmax(dim=2)
    prototypes = torch.rand(2, 4, 5, generator=generator).softmax(dim=2)
    pairs = [clusters[b].T @ prototypes[a] for a in range(2) for b in range(3) if a != b]
    expected = sum(pairs) / (4 * 4)  # 4 pairs of crops, 4 images
    torch.testing.assert_close(joint_distribution(clusters, prototypes), expected)


def test_certain_clusters_of_equal_size_are_best():
    # Four prototypes, two for each of two clusters: H(Y | U) = 0 and H(Y) = ln 2.
    certain = torch.tensor([[0.25, 0.25, 0, 0], [0, 0, 0.25, 0.25]])
    assert information_loss(certain).item() == pytest.approx(-4 * math.log(2), abs=1e-5)
    # Clusters that know nothing of the prototypes: H(Y | U) = H(Y) = ln 2.
    ignorant = torch.full((2, 4), 1 / 8)
    assert information_loss(ignorant).item() == pytest.approx(-3 * math.log(2), abs=1e-5)
    # One cluster for all: both are 0.
    one = torch.tensor([[0.25] * 4, [0.0] * 4])
    assert information_loss(one).item() == pytest.approx(0, abs=1e-5)
    # By hand: P(Y) = (.75, .25), prototypes certain, so H(Y | U) = 0.
    unequal = torch.tensor([[0.5, 0.25, 0, 0], [0, 0, 0.125, 0.125]])
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert information_loss(unequal).item() == pytest.approx(-4 * entropy, abs=1e-5)


def test_its_gradient_is_finite_where_probabilities_are_zero():
    joint = torch.tensor([[0.5, 0.5], [0.0, 0.0]], requires_grad=True)
    information_loss(joint).backward()
    assert torch.isfinite(joint.grad).all()


def test_only_logits_beyond_five_cost_anything():
    assert large_logits_loss(torch.tensor([5.0, -5.0, 0.0])).item() == 0
    assert large_logits_loss(torch.tensor([7.0, -6.0, 0.0])).item() == pytest.approx(0.01 * 3 / 3)
