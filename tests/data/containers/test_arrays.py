import numpy as np
import pytest

from raycluster.data.containers.arrays import check_claim, check_images, read_digits
from raycluster.data.unreadable import Unreadable


def test_digits_are_scaled_to_the_full_range():
    images, labels = read_digits()
    assert (images.shape, images.dtype, images.min(), images.max()) == ((1797, 8, 8), np.uint8, 0, 255)
    assert images[0, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]  # 5, 13, 9, 1 sixteenths of 255
    assert labels[:4].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 5, 6), (5, 6, 1)), ((2, 5, 6, 1), (5, 6, 1)), ((2, 5, 6, 4), (5, 6, 3)), ((2, 3, 5, 6), (5, 6, 3))],
)
def test_height_width_and_channels_of_images_in_an_array(shape, size):
    assert check_images(np.zeros(shape, np.uint8)) == size


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 64)),
        np.zeros((0, 4, 4)),
        np.zeros((2, 5, 6, 2)),
        np.zeros((2, 4, 4), complex),
        np.full((2, 4, 4), "text"),
    ],
)
def test_arrays_that_are_not_images_are_unreadable(array):
    with pytest.raises(Unreadable):
        check_images(array)


def test_a_header_may_not_claim_more_than_there_is():
    check_claim(np.dtype("u2"), (2, 3), 12)
    with pytest.raises(ValueError, match="claims more than the 11 bytes that there are"):
        check_claim(np.dtype("u2"), (2, 3), 11)
    with pytest.raises(ValueError, match="claims"):
        check_claim(np.dtype("u1"), (-1, -3), 11)
