import pytest
import torch

from raycluster.methods.concurl.consensus import draw_transforms, swapped_loss, transformed_cosines
from raycluster.nn.sinkhorn import sinkhorn

Q1, Q2 = (
    sinkhorn(torch.tensor(cosines))
    for cosines in (
        [[0.30, 0.25, 0.10], [0.28, 0.20, 0.15], [0.05, 0.22, 0.18], [0.26, 0.24, 0.21]],
        [[0.32, 0.20, 0.12], [0.22, 0.24, 0.10], [0.10, 0.15, 0.25], [0.20, 0.28, 0.20]],
    )
)
S1 = torch.tensor([[0.40, 0.20, 0.05], [0.30, 0.25, 0.10], [0.00, 0.30, 0.20], [0.20, 0.25, 0.30]])
S2 = torch.tensor([[0.35, 0.15, 0.20], [0.25, 0.20, 0.15], [0.10, 0.20, 0.30], [0.25, 0.30, 0.15]])
Z = torch.tensor([[3.0, 0.0, 4.0, 0.0]])
C = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.6, 0.8, 0.0], [0.0, 0.0, 0.0, 1.0]])
A = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [0.0, -1.0, 2.0, 1.0]]])


def test_the_loss_matches_the_one_computed_by_hand_with_swapped_targets():
    assert swapped_loss(S1[None], S2[None], Q1, Q2).item() == pytest.approx(1.052667, abs=1e-5)
    assert swapped_loss(S1, S2, Q2, Q1).item() == pytest.approx(
        0.934128, abs=1e-5
    )  # targets that are not swapped, which would be wrong
    first = torch.stack([swapped_loss(S1[i : i + 1], S1[i : i + 1], Q2[i : i + 1], Q2[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(first, torch.tensor([0.4984, 1.0180, 1.3282, 1.0863]), atol=6e-5, rtol=0)


@pytest.mark.parametrize(
    ("transforms", "expected"),
    [
        (A, [0.3511, 0.9835, 0.9363]),
        (None, [0.60, 0.64, 0.00]),
        (torch.tensor([[2.0, -1.0, 0.5, 1.0]]), [0.9487, 0.1754, 0.0000]),
    ],
    ids=["rp", "none", "diag"],
)
def test_transformed_cosines_match_those_computed_by_hand(transforms, expected):
    cosines = transformed_cosines(Z, C, transforms)
    torch.testing.assert_close(cosines, torch.tensor([[expected]]), atol=6e-5, rtol=0)


def test_predictions_match_those_computed_by_hand():
    predicted = (transformed_cosines(Z, C, A) / 0.1).softmax(2)
    torch.testing.assert_close(predicted, torch.tensor([[[0.0011, 0.6152, 0.3837]]]), atol=6e-5, rtol=0)


@pytest.mark.parametrize("kind", ["rp", "diag"])
def test_scaling_or_copying_a_transformation_changes_nothing(kind):
    generator = torch.Generator().manual_seed(0)
    one = draw_transforms(kind, 1, 16, 8, generator)
    z1, z2, anchors = (torch.randn(rows, 16, generator=generator) for rows in (4, 4, 3))

    def loss(transforms):
        return swapped_loss(*(transformed_cosines(z, anchors, transforms) for z in (z1, z2)), Q1, Q2)

    torch.testing.assert_close(loss(7 * one), loss(one))
    torch.testing.assert_close(loss(torch.cat([one] * 5)), loss(one))
    other = draw_transforms(kind, 1, 16, 8, generator)
    torch.testing.assert_close(loss(torch.cat([one, other])), (loss(one) + loss(other)) / 2)


def test_transformations_have_the_right_shapes_and_standard_deviations():
    generator = torch.Generator().manual_seed(0)
    projections = draw_transforms("rp", 64, 256, 152, generator)
    assert projections.shape == (64, 152, 256)
    assert projections.std().item() == pytest.approx(152**-0.5, rel=0.01)
    diagonals = draw_transforms("diag", 64, 256, 152, generator)
    assert diagonals.shape == (64, 256)
    assert diagonals.std().item() == pytest.approx(1, rel=0.05)
    assert draw_transforms("none", 64, 256, 152, generator) is None


def test_the_gradient_reaches_the_outputs_and_cosines_are_float32():
    z = Z.bfloat16().requires_grad_()
    cosines = transformed_cosines(z, C, A)
    assert cosines.dtype == torch.float32
    cosines.sum().backward()
    assert z.grad.abs().sum() > 0
