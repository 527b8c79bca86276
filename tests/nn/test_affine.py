import pytest
import torch

from raycluster.nn.affine import random_affine


def off_center_spot(batch=200, side=21):
    images = torch.zeros(batch, 1, side, side)
    images[:, :, side // 2, side - 4] = 1
    return images


def centroids(images):
    mass = images.sum(dim=(1, 2, 3))
    grid = torch.arange(images.shape[-1], dtype=torch.float32)
    return (images.sum(2) @ grid / mass[:, None]).squeeze(1), (images.sum(3) @ grid / mass[:, None]).squeeze(1)


def test_zero_amounts_change_nothing():
    images = torch.rand(3, 2, 9, 7)
    torch.testing.assert_close(random_affine(images, 0, 0, 0, torch.Generator().manual_seed(0)), images)


def test_each_image_is_rotated_by_its_own_angle_up_to_the_limit():
    x, y = centroids(random_affine(off_center_spot(), 10, 0, 0, torch.Generator().manual_seed(0)))
    degrees = torch.rad2deg(torch.atan2(y - 10, x - 10))
    assert degrees.abs().max() < 11
    assert degrees.min() < -8
    assert degrees.max() > 8


def test_images_are_shifted_by_up_to_the_given_fraction_of_the_side():
    x, y = centroids(random_affine(off_center_spot(), 0, 0.1, 0, torch.Generator().manual_seed(0)))
    for moved in (x - 17, y - 10):
        assert moved.abs().max().item() == pytest.approx(0.1 * 21, abs=0.15)
        assert moved.min() < 0 < moved.max()


def test_zoom_scales_distances_from_the_center():
    x, _ = centroids(random_affine(off_center_spot(), 0, 0, 0.1, torch.Generator().manual_seed(0)))
    factors = (x - 10) / 7
    assert factors.min().item() == pytest.approx(0.9, abs=0.02)
    assert factors.max().item() == pytest.approx(1.1, abs=0.02)


def test_rotation_of_an_oblong_image_keeps_distances():
    images = torch.zeros(100, 1, 41, 21)
    images[:, :, 20, 17] = 1
    turned = random_affine(images, 90, 0, 0, torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(41.0) - 20, torch.arange(21.0) - 10, indexing="ij")
    mass = turned.sum(dim=(2, 3)).squeeze(1)
    distance = torch.hypot((turned[:, 0] * rows).sum((1, 2)) / mass, (turned[:, 0] * columns).sum((1, 2)) / mass)
    assert (distance - 7).abs().max() < 0.3


def test_the_same_generator_state_gives_the_same_images():
    images = torch.rand(4, 1, 8, 8)
    first, second = (random_affine(images, 10, 0.1, 0.1, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
