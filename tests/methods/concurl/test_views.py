"""Every image of a batch is compared with what torchvision computes for it alone."""

import itertools

import pytest
import torch
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms.v2 import functional as tv

from raycluster.methods.concurl.views import (
    VIEW_1,
    VIEW_2,
    blur,
    crop,
    draw_boxes,
    gray,
    jitter,
    random_views,
    shift_hue,
)

SIDE = 32


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def images():
    """Smooth colors and hard edges, including black, white and gray images."""
    noise = torch.rand(24, 3, SIDE, SIDE, generator=seeded())
    noise[0], noise[1], noise[2] = 0, 1, noise[2, :1]
    noise[3:8] = tv.gaussian_blur(noise[3:8], 9)
    return noise


def close(ours, theirs, atol=2e-5):
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=0)


def test_crops_match_torchvision_image_by_image(images):
    boxes = draw_boxes(images, seeded())
    mirrored = torch.arange(len(images)) % 2 == 0
    found = crop(images, boxes, mirrored)
    for i, image in enumerate(images):
        top, left, height, width = boxes[:, i].int().tolist()
        for antialias in (True, False):  # crops are never shrunk
            expected = tv.resized_crop(
                image, top, left, height, width, [SIDE, SIDE], InterpolationMode.BILINEAR, antialias=antialias
            )
            close(found[i], tv.horizontal_flip(expected) if mirrored[i] else expected)


@pytest.mark.slow
def test_boxes_have_the_distribution_of_torchvisions():
    many = torch.zeros(20_000, 1, SIDE, SIDE)
    boxes = draw_boxes(many, seeded())
    top, left, height, width = boxes
    assert torch.equal(boxes, boxes.round())
    assert ((top >= 0) & (left >= 0) & (top + height <= SIDE) & (left + width <= SIDE)).all()
    torch.manual_seed(0)
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(many[0], [0.2, 1.0], [3 / 4, 4 / 3]) for _ in range(20_000)]
    ).T.float()
    close(boxes.mean(1), theirs.mean(1), atol=0.15)
    close(boxes.std(1), theirs.std(1), atol=0.15)
    close((height * width).mean(), (theirs[2] * theirs[3]).mean(), atol=6)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_color_changes_match_torchvision_in_every_order(images, order):
    generator = seeded(1)
    factors = 0.6 + 0.8 * torch.rand(3, len(images), generator=generator)
    hue = 0.8 * torch.rand(len(images), generator=generator) - 0.4
    found = jitter(images, factors, hue, torch.tensor(order).expand(len(images), 4))
    changes = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for i, expected in enumerate(images):
        for change in order:
            amount = hue[i] if change == 3 else factors[change, i]
            expected = changes[change](expected, amount.item())
        close(found[i], expected, atol=1e-4)


def test_every_image_has_its_own_order(images):
    generator = seeded(2)
    factors = 0.6 + 0.8 * torch.rand(3, len(images), generator=generator)
    hue = 0.8 * torch.rand(len(images), generator=generator) - 0.4
    order = torch.rand(len(images), 4, generator=generator).argsort(dim=1)
    found = jitter(images, factors, hue, order)
    for i in range(len(images)):
        alone = jitter(images[i : i + 1], factors[:, i : i + 1], hue[i : i + 1], order[i : i + 1])
        close(found[i : i + 1], alone, atol=1e-6)
    backwards = jitter(images, factors, hue, order.flip(1))
    assert (found - backwards).abs().flatten(1).amax(1)[3:].min() > 1e-3


def test_hue_gray_and_blur_match_torchvision_image_by_image(images):
    turns = torch.linspace(-0.5, 0.5, len(images))
    sigma = torch.linspace(0.1, 2, len(images))
    hued, grayed, blurred = shift_hue(images, turns), gray(images), blur(images, sigma)
    for i, image in enumerate(images):
        close(hued[i], tv.adjust_hue(image, turns[i].item()), atol=1e-4)
        close(grayed[i], tv.rgb_to_grayscale(image), atol=1e-6)
        close(blurred[i], tv.gaussian_blur(image, [23, 23], [sigma[i].item()] * 2))


@pytest.mark.parametrize("recipe", [VIEW_1, *VIEW_2.values()], ids=["first", *VIEW_2])
def test_views_are_in_range_differ_by_image_and_are_the_same_for_the_same_seed(recipe):
    images = torch.randint(256, (1, 3, SIDE, SIDE), dtype=torch.uint8, generator=seeded()).expand(8, -1, -1, -1)
    (views,) = random_views(images, [recipe], seeded())
    assert (views.shape, views.dtype) == ((8, 3, SIDE, SIDE), torch.float32)
    assert ((views >= 0) & (views <= 1)).all()
    assert torch.equal(views, random_views(images, [recipe], seeded())[0])
    differences = (views[:, None] - views[None]).abs().flatten(2).amax(2)
    assert (differences + torch.eye(8)).min() > 0.01


@pytest.mark.slow
def test_a_fifth_is_gray_half_is_mirrored_and_gray_images_stay_gray():
    ramp = torch.arange(SIDE, dtype=torch.uint8).expand(3_000, 3, SIDE, SIDE).clone() * 4
    ramp[:, 0] += 100
    (views,) = random_views(ramp, [VIEW_1], seeded())
    is_gray = (views[:, 0] - views[:, 1]).abs().amax((1, 2)) < 1e-5
    assert is_gray.float().mean().item() == pytest.approx(0.2, abs=0.02)
    falls = views[:, :, :, 0].sum((1, 2)) > views[:, :, :, -1].sum((1, 2))
    assert falls.float().mean().item() == pytest.approx(0.5, abs=0.04)
    (unflipped,) = random_views(ramp, [VIEW_1], seeded(), flip=False)
    assert not (unflipped[:, :, :, 0].sum((1, 2)) > unflipped[:, :, :, -1].sum((1, 2))).any()
    (gray_views,) = random_views(ramp[:50, :1], [VIEW_1], seeded())
    assert (gray_views - gray_views[:, :1]).abs().max() < 1e-5


@pytest.mark.slow
def test_a_fifth_of_strong_views_keep_their_colors(monkeypatch):
    flat = torch.full((3_000, 3, SIDE, SIDE), 100, dtype=torch.uint8)
    flat[:, 1] = 50
    (views,) = random_views(flat, [VIEW_2["strong"]], seeded())
    same = (views[:, :, 5, 5] - flat[:, :, 5, 5] / 255).abs().amax(1) < 1e-4
    assert same.float().mean().item() == pytest.approx(0.2 * 0.8, abs=0.02)  # a fifth of them are gray


def test_views_made_together_are_those_made_one_after_the_other(images):
    pixels, recipes = (255 * images).byte(), (VIEW_1, VIEW_2["strong"])
    together, generator = random_views(pixels, recipes, seeded()), seeded()
    for view, recipe in zip(together, recipes, strict=True):
        assert torch.equal(view, random_views(pixels, [recipe], generator)[0])


def test_views_of_another_side_show_their_share_of_the_image(images):
    pixels = (255 * images).byte()
    (small,) = random_views(pixels, [VIEW_1], seeded(), areas=(0.08, 0.4), side=18)
    assert small.shape == (len(images), 3, 18, 18)
    _, _, height, width = draw_boxes(pixels.repeat(40, 1, 1, 1), seeded(), (0.08, 0.4))
    shares = height * width / SIDE**2
    assert 0.07 < shares.min() < 0.1
    assert 0.38 < shares.max() < 0.43
    boxes, unmirrored = draw_boxes(images, seeded()), torch.zeros(len(images), dtype=torch.bool)
    shrunk = crop(images, boxes, unmirrored, 18)
    for i, image in enumerate(images):
        top, left, height, width = boxes[:, i].int().tolist()
        size = [18, 18]
        close(
            shrunk[i],
            tv.resized_crop(image, top, left, height, width, size, InterpolationMode.BILINEAR, antialias=False),
        )
