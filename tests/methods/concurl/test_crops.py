import pytest
import torch

from raycluster.methods.concurl.crops import crop_sides, multi_crop


def images(n=6):
    return torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_large_crops_come_image_by_image_and_small_ones_are_smaller():
    large, small = multi_crop(images(), 4, torch.Generator().manual_seed(1))
    assert large.shape == (12, 3, 28, 28)
    assert small.shape == (24, 3, 18, 18)
    assert ((large >= 0) & (large <= 1)).all()
    assert ((small >= 0) & (small <= 1)).all()
    assert not torch.equal(large[:6], large[6:])
    again, _ = multi_crop(images(), 4, torch.Generator().manual_seed(1))
    assert torch.equal(large, again)


def test_both_large_crops_are_of_the_same_image():
    plain = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 32, 32)
    large, small = multi_crop(plain, 3, torch.Generator().manual_seed(0))
    brightness = [crops.mean(dim=(1, 2, 3)).view(-1, 2) for crops in (large, small)]
    for each in brightness:
        assert (each[:, 0] == 0).all()
        assert (each[:, 1] > 0.3).all()


def test_there_may_be_no_small_crops():
    large, small = multi_crop(images(), 0)
    assert len(large) == 12
    assert len(small) == 0


@pytest.mark.parametrize(("side", "sides"), [(32, (28, 18)), (64, (56, 36)), (96, (84, 54)), (160, (140, 90))])
def test_crops_have_sides_in_proportion(side, sides):
    assert crop_sides(side) == sides
