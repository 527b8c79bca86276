"""Every image of a batch against torchvision on that image alone."""

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
    draw_view,
    grey,
    jitter,
    shift_hue,
)

SIDE = 32


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def images():
    """Smooth colours and hard edges, black, white and grey among them."""
    noise = torch.rand(24, 3, SIDE, SIDE, generator=seeded())
    noise[0], noise[1], noise[2] = 0, 1, noise[2, :1]
    noise[3:8] = tv.gaussian_blur(noise[3:8], 9)
    return noise


def close(ours, theirs, atol=2e-5):
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=0)


def test_crops_are_torchvisions_image_by_image(images):
    boxes = draw_boxes(images, seeded())
    mirrored = torch.arange(len(images)) % 2 == 0
    found = crop(images, boxes, mirrored)
    for i, image in enumerate(images):
        top, left, height, width = boxes[:, i].int().tolist()
        for antialias in (True, False):  # crops are never made smaller
            expected = tv.resized_crop(
                image, top, left, height, width, [SIDE, SIDE], InterpolationMode.BILINEAR, antialias=antialias
            )
            close(found[i], tv.horizontal_flip(expected) if mirrored[i] else expected)


def test_boxes_are_drawn_as_torchvision_draws_them():
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
def test_colours_change_as_torchvisions_in_every_order(images, order):
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


def test_hue_grey_and_blur_are_torchvisions_image_by_image(images):
    turns = torch.linspace(-0.5, 0.5, len(images))
    sigma = torch.linspace(0.1, 2, len(images))
    hued, greyed, blurred = shift_hue(images, turns), grey(images), blur(images, sigma)
    for i, image in enumerate(images):
        close(hued[i], tv.adjust_hue(image, turns[i].item()), atol=1e-4)
        close(greyed[i], tv.rgb_to_grayscale(image), atol=1e-6)
        close(blurred[i], tv.gaussian_blur(image, [23, 23], [sigma[i].item()] * 2))


@pytest.mark.parametrize("recipe", [VIEW_1, *VIEW_2.values()], ids=["first", *VIEW_2])
def test_views_are_in_range_differ_by_image_and_repeat_with_the_seed(recipe):
    images = torch.randint(256, (1, 3, SIDE, SIDE), dtype=torch.uint8, generator=seeded()).expand(8, -1, -1, -1)
    views = draw_view(images, recipe, seeded())
    assert (views.shape, views.dtype) == ((8, 3, SIDE, SIDE), torch.float32)
    assert ((views >= 0) & (views <= 1)).all()
    assert torch.equal(views, draw_view(images, recipe, seeded()))
    differences = (views[:, None] - views[None]).abs().flatten(2).amax(2)
    assert (differences + torch.eye(8)).min() > 0.01


def test_a_fifth_is_grey_half_is_mirrored_and_grey_images_stay_grey():
    ramp = torch.arange(SIDE, dtype=torch.uint8).expand(3_000, 3, SIDE, SIDE).clone() * 4
    ramp[:, 0] += 100
    views = draw_view(ramp, VIEW_1, seeded())
    is_grey = (views[:, 0] - views[:, 1]).abs().amax((1, 2)) < 1e-5
    assert is_grey.float().mean().item() == pytest.approx(0.2, abs=0.02)
    falls = views[:, :, :, 0].sum((1, 2)) > views[:, :, :, -1].sum((1, 2))
    assert falls.float().mean().item() == pytest.approx(0.5, abs=0.04)
    unflipped = draw_view(ramp, VIEW_1, seeded(), flip=False)
    assert not (unflipped[:, :, :, 0].sum((1, 2)) > unflipped[:, :, :, -1].sum((1, 2))).any()
    grey_views = draw_view(ramp[:50, :1], VIEW_1, seeded())
    assert (grey_views - grey_views[:, :1]).abs().max() < 1e-5


def test_a_fifth_of_strong_views_keeps_its_colours(monkeypatch):
    flat = torch.full((3_000, 3, SIDE, SIDE), 100, dtype=torch.uint8)
    flat[:, 1] = 50
    views = draw_view(flat, VIEW_2["strong"], seeded())
    same = (views[:, :, 5, 5] - flat[:, :, 5, 5] / 255).abs().amax(1) < 1e-4
    assert same.float().mean().item() == pytest.approx(0.2 * 0.8, abs=0.02)  # a fifth of them is grey
