import math

import pytest
import torch

from raycluster.methods.dccm.losses import (
    draw_partners,
    graph_loss,
    label_loss,
    make_targets,
    mutual_information_loss,
    released_partners,
)

CLEAN = torch.tensor([[0.95, 0.03, 0.02], [0.91, 0.05, 0.04], [0.04, 0.92, 0.04], [0.40, 0.35, 0.25]])
AUGMENTED = torch.tensor([[0.80, 0.15, 0.05], [0.70, 0.20, 0.10], [0.10, 0.85, 0.05], [0.30, 0.40, 0.30]])
TARGETS = make_targets(CLEAN, 0.95, 0.9)
SCORES = torch.tensor(
    [[[1.0, 0.5], [-0.2, 2.0], [-1.0, 0.3], [-0.5, 0.0]]]
)  # one image, four maps with two positions each
ONE = torch.ones(1, dtype=torch.bool)
FIVE = torch.eye(5, dtype=torch.bool)
FIVE[1, 4] = FIVE[4, 1] = True


def test_clean_probabilities_become_links_labels_and_confidence():
    assert TARGETS.links.int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert TARGETS.labels.tolist() == [0, 0, 1, 0]
    assert TARGETS.confident.int().tolist() == [1, 1, 1, 0]


def test_links_are_symmetric_with_a_full_diagonal_for_several_batches_at_once_too():
    clean = torch.randn(3, 20, 10, generator=torch.Generator().manual_seed(0)).mul(5).softmax(2)
    links = make_targets(clean, 0.95, 0.9).links
    assert torch.equal(links, links.mT)
    assert links.diagonal(dim1=1, dim2=2).all()
    assert torch.equal(links[1], make_targets(clean[1], 0.95, 0.9).links)


def test_graph_loss_includes_all_pairs_and_the_diagonal():
    assert graph_loss(AUGMENTED, TARGETS.links).item() == pytest.approx(0.598358, abs=2e-6)
    assert graph_loss(CLEAN, TARGETS.links).item() == pytest.approx(0.469707, abs=2e-6)


def test_the_graph_gradient_includes_both_sides_of_a_pair():
    z = AUGMENTED.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(graph_loss(z, TARGETS.links), z)
    expected = torch.tensor([-0.097175, 0.447488, 0.212332])
    torch.testing.assert_close(gradient[0], expected, atol=2e-5, rtol=0)
    (half,) = torch.autograd.grad(graph_loss(z, TARGETS.links, z.detach()), z)
    torch.testing.assert_close(half[0], expected / 2, atol=2e-5, rtol=0)


def test_equal_predictions_that_should_differ_give_a_finite_gradient():
    z = torch.full((4, 10), 0.1, requires_grad=True)
    loss = graph_loss(z, torch.eye(4, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(loss, z)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


def test_label_loss_is_divided_by_all_images():
    assert label_loss(AUGMENTED, TARGETS.labels, TARGETS.confident).item() == pytest.approx(0.120109, abs=2e-6)
    assert label_loss(CLEAN, TARGETS.labels, TARGETS.confident).item() == pytest.approx(0.037784, abs=2e-6)
    entropy = label_loss(AUGMENTED, TARGETS.labels, TARGETS.confident, "ce")
    assert entropy.item() == pytest.approx(0.185584, abs=2e-6)


def test_mutual_information_loss_matches_values_computed_by_hand():
    assert mutual_information_loss(SCORES, ONE).item() == pytest.approx(1.011812, abs=2e-6)
    assert mutual_information_loss(torch.zeros(3, 4, 7), ONE.expand(3)).item() == pytest.approx(2 * math.log(2))


def test_images_that_are_linked_to_all_others_have_no_fake_pairs():
    twice = SCORES.repeat(2, 1, 1)
    twice[1, 2:] = 50.0
    assert mutual_information_loss(twice, torch.tensor([True, False])).item() == pytest.approx(1.011812, abs=2e-6)


def test_the_parts_add_up_to_the_released_and_the_published_total():
    on_view = graph_loss(AUGMENTED, TARGETS.links) + 5 * label_loss(AUGMENTED, TARGETS.labels, TARGETS.confident)
    on_clean = graph_loss(CLEAN, TARGETS.links) + 5 * label_loss(CLEAN, TARGETS.labels, TARGETS.confident)
    information = mutual_information_loss(SCORES, ONE)
    assert (on_view + 0.05 * information).item() == pytest.approx(1.249493, abs=5e-6)
    assert (on_view + on_clean + 0.1 * information).item() == pytest.approx(1.958711, abs=5e-6)


def test_partners_are_linked_or_the_image_itself_and_negatives_are_never_linked():
    for seed in range(50):
        partners, has_fake = draw_partners(FIVE, torch.Generator().manual_seed(seed))
        assert partners[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert partners[:, 1].tolist() == [0, 4, 2, 3, 1]
        assert not FIVE.gather(1, partners[:, 2:]).any()
        assert (partners[:, 2] != partners[:, 3]).all()
        assert has_fake.all()


def test_partners_are_drawn_uniformly_in_every_batch():
    links = torch.ones(2000, 4, 4, dtype=torch.bool)
    links[:, 3, :3] = links[:, :3, 3] = False
    partners, _ = draw_partners(links, torch.Generator().manual_seed(0))
    assert torch.bincount(partners[:, 0, 1]).tolist() == pytest.approx([0, 1000, 1000], abs=80)
    assert torch.bincount(partners[:, 3, 2]).tolist() == pytest.approx([667, 667, 667], abs=80)
    assert (partners[:, 0, 2:] == 3).all()  # the only candidate, twice


def test_if_all_images_are_linked_none_has_fake_pairs():
    _, has_fake = draw_partners(torch.ones(3, 3, dtype=torch.bool), torch.Generator())
    assert not has_fake.any()


def test_the_mistakes_of_the_released_code_are_reproduced_for_comparison():
    partners, has_fake = released_partners(FIVE)
    assert partners[:, 1].tolist() == [0, 3, 0, 0, 1]
    assert partners[:, 2:].tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 2]]
    assert has_fake.all()
    batches, _ = released_partners(torch.stack([torch.eye(5, dtype=torch.bool), FIVE]))
    assert torch.equal(batches[1], partners)


def test_the_order_of_the_images_does_not_matter():
    order = torch.tensor([2, 0, 3, 1])
    links = TARGETS.links[order][:, order]
    assert graph_loss(AUGMENTED[order], links).item() == pytest.approx(0.598358, abs=2e-6)
    labels = label_loss(AUGMENTED[order], TARGETS.labels[order], TARGETS.confident[order])
    assert labels.item() == pytest.approx(0.120109, abs=2e-6)
