import pytest
import torch

from raycluster.methods.jule.triplet_loss import triplet_loss


def unit_vectors(degrees):
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float32))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def loop_over_triplets(embeddings, labels, margin, gamma):
    distances = ((embeddings[:, None] - embeddings[None]) ** 2).sum(-1)
    terms = [
        torch.relu(gamma * distances[i, j] - distances[i, k] + margin)
        for i in range(len(labels))
        for j in range(i + 1, len(labels))
        for k in range(len(labels))
        if labels[i] == labels[j] != labels[k]
    ]
    return torch.stack(terms).mean(), len(terms)


def test_the_loss_of_three_images_matches_the_one_computed_by_hand():
    # 0 and 60 degrees in one cluster: squared distance 1. The third at 90 degrees: squared distance 2 from the first.
    embeddings = unit_vectors([0.0, 60.0, 90.0])
    labels = torch.tensor([0, 0, 1])
    assert triplet_loss(embeddings, labels, margin=0.2)[0].item() == pytest.approx(0.0)
    loss, triplets = triplet_loss(embeddings, labels, margin=0.2, gamma=2.0)
    assert loss.item() == pytest.approx(2 * 1 - 2 + 0.2, abs=1e-6)
    assert triplets == 1


@pytest.mark.parametrize(("margin", "gamma"), [(0.2, 1.0), (1.0, 2.0)])
def test_loss_and_gradient_match_a_loop_over_all_triplets(margin, gamma):
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(30, 8, generator=generator), dim=1).requires_grad_()
    labels = torch.randint(0, 6, (30,), generator=generator)
    expected, count = loop_over_triplets(embeddings, labels, margin, gamma)
    loss, triplets = triplet_loss(embeddings, labels, margin, gamma)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert triplets == count
    difference = torch.autograd.grad(loss, embeddings)[0] - torch.autograd.grad(expected, embeddings)[0]
    # On unit vectors |x - y|^2 = 2 - 2xy; the two forms differ only along x, which normalization removes.
    tangential = difference - (difference * embeddings).sum(1, keepdim=True) * embeddings
    assert tangential.abs().max() < 1e-6


def test_drawing_negatives_is_unbiased_and_without_replacement():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(30, 8, generator=generator), dim=1)
    labels = torch.arange(30) % 6
    every, _ = triplet_loss(embeddings, labels)
    draws = [triplet_loss(embeddings, labels, negatives=5, generator=generator) for _ in range(400)]
    assert torch.stack([loss for loss, _ in draws]).mean().item() == pytest.approx(every.item(), rel=0.01)
    assert draws[0][1] == 5 * 6 * 10  # six clusters of five images have ten pairs each
    # With more draws than negatives, each negative is used once, and nothing is random.
    assert triplet_loss(embeddings, labels, negatives=100, generator=generator)[0].item() == pytest.approx(
        every.item(), rel=1e-5
    )


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 0, 0]])
@pytest.mark.parametrize("negatives", [None, 20])
def test_a_batch_without_triplets_gives_zero_loss_and_zero_gradient(labels, negatives):
    embeddings = unit_vectors([0.0, 10.0, 20.0, 30.0]).requires_grad_()
    loss, triplets = triplet_loss(embeddings, torch.tensor(labels), negatives=negatives)
    loss.backward()
    assert loss == 0
    assert triplets == 0
    assert (embeddings.grad == 0).all()
