import torch

from raycluster.methods.dccm.augmentation import augment, warp

SQUARE = torch.arange(1.0, 17.0).view(1, 1, 4, 4)


def warped(image=SQUARE, degrees=0.0, shift=(0.0, 0.0), zoom=(1.0, 1.0), flip=False):
    angle = torch.deg2rad(torch.tensor([degrees]))
    return warp(image, angle, torch.tensor([shift]), torch.tensor([zoom]), torch.tensor([flip]))[0, 0]


def test_without_any_change_the_image_stays_the_same():
    assert torch.equal(warped(), SQUARE[0, 0])


def test_a_shift_by_one_row_reads_the_row_below_and_repeats_the_border():
    assert torch.equal(warped(shift=(1.0, 0.0)), SQUARE[0, 0, [1, 2, 3, 3]])
    assert torch.equal(warped(shift=(0.0, 1.0)), SQUARE[0, 0][:, [1, 2, 3, 3]])


def test_a_zoom_above_one_shrinks_the_content_around_the_center_that_keras_uses():
    expected = [[1, 1, 3, 4], [1, 1, 3, 4], [9, 9, 11, 12], [13, 13, 15, 16]]
    assert warped(zoom=(1.5, 1.5)).tolist() == expected
    assert torch.equal(warped(zoom=(1.5, 1.0)), SQUARE[0, 0, [0, 0, 2, 3]])


def test_a_quarter_turn_reads_row_from_column():
    # R(90) (o - c) + c with c = (2.5, 2.5): (row, column) reads (5 - column, row), cut at the border.
    expected = torch.stack([SQUARE[0, 0, [3, 3, 3, 2], row] for row in range(4)])
    assert torch.equal(warped(degrees=90.0), expected)


def test_zoom_and_shift_come_before_the_rotation():
    # After a rotation by 90 degrees, a zoom or shift along rows is read along columns.
    rows = SQUARE[0, 0, [3, 3, 3, 2]].T
    assert torch.equal(warped(degrees=90.0, zoom=(2.0, 1.0)), rows[[0, 0, 2, 3]])
    assert torch.equal(warped(degrees=90.0, shift=(1.0, 0.0)), rows[[1, 2, 3, 3]])


def test_a_flip_mirrors_the_warped_image():
    assert torch.equal(warped(shift=(1.0, 0.0), flip=True), warped(shift=(1.0, 0.0)).flip(1))


def test_each_image_of_a_batch_is_warped_by_its_own_amounts():
    images = torch.rand(3, 3, 8, 6)
    angle, shift = torch.tensor([0.1, -0.3, 0.2]), torch.tensor([[1.0, 0.0], [-2.0, 1.0], [0.4, 0.6]])
    zoom, flip = torch.tensor([[1.1, 0.9], [1.0, 1.0], [0.85, 1.15]]), torch.tensor([True, False, True])
    together = warp(images, angle, shift, zoom, flip)
    for i in range(3):
        one = slice(i, i + 1)
        assert torch.equal(together[one], warp(images[one], angle[one], shift[one], zoom[one], flip[one]))


def test_pixels_stay_in_the_range_of_their_image_and_are_darkened():
    images = torch.randint(50, 200, (64, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    augmented = augment(images, torch.Generator().manual_seed(1))
    assert augmented.shape == (64, 3, 32, 32)
    assert augmented.min() >= 0.95 * 50 / 255 - 1e-6
    assert augmented.max() <= 0.95 * 199 / 255 + 1e-6


def test_channels_are_shifted_by_their_own_amounts_up_to_a_tenth():
    images = torch.zeros(500, 1, 8, 8, dtype=torch.uint8)
    images[:, :, :, :4], images[:, :, 0, 0], images[:, :, 7, 7] = 128, 0, 255
    augmented = augment(images, torch.Generator().manual_seed(0)) / 0.95
    # The middle gray reveals the shift wherever it is; three quarters of the images are not clipped differently.
    gray = augmented.flatten(2).sort(dim=2).values
    spread = gray.amax(dim=1) - gray.amin(dim=1)
    assert spread.max() <= 0.2 + 1e-6
    assert (spread.amax(dim=1) > 0.05).float().mean() > 0.5


def test_half_of_the_images_are_flipped_and_a_seed_gives_the_same_result():
    images = torch.zeros(400, 1, 32, 32, dtype=torch.uint8)
    images[..., 24:] = 255
    augmented = augment(images, torch.Generator().manual_seed(0))
    on_the_left = (augmented[..., :16].mean(dim=(1, 2, 3)) > augmented[..., 16:].mean(dim=(1, 2, 3))).float().mean()
    assert 0.4 < on_the_left < 0.6
    unflipped = augment(images, torch.Generator().manual_seed(0), flip=False)
    assert (unflipped[..., :16].mean(dim=(1, 2, 3)) < unflipped[..., 16:].mean(dim=(1, 2, 3))).all()
    assert torch.equal(augmented, augment(images, torch.Generator().manual_seed(0)))
