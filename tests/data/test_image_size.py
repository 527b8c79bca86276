import pytest

from raycluster.data.image_size import check_square, choose_square
from raycluster.errors import UserError


@pytest.mark.parametrize(
    ("size", "side"), [((8, 8), 32), ((32, 20), 32), ((33, 20), 64), ((96, 96), 96), ((500, 9), 96)]
)
def test_the_smallest_side_that_loses_no_pixels_is_chosen_or_else_the_largest(size, side):
    assert choose_square(*size, (32, 64, 96)) == side


@pytest.mark.parametrize("size", [28, (32, 64), (40, 40)])
def test_other_sizes_are_refused_with_those_that_there_are(size):
    with pytest.raises(UserError, match="squares of 32, 64 or 96 pixels; choose one of these"):
        check_square(size, (32, 64, 96))
    check_square(64, (32, 64, 96))
    check_square((32, 32), (32, 64, 96))
