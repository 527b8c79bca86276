import numpy as np
import pytest

from raycluster.data.image_size import check_square, choose_shape, choose_square
from raycluster.errors import UserError


@pytest.mark.parametrize(
    ("size", "side"), [((8, 8), 32), ((32, 20), 32), ((33, 20), 64), ((96, 96), 96), ((500, 9), 96)]
)
def test_the_smallest_square_that_loses_no_pixels_is_chosen_or_else_the_largest(size, side):
    assert choose_square(*size, (32, 64, 96)) == side


@pytest.mark.parametrize("size", [28, (32, 64), (40, 40)])
def test_other_sizes_are_an_error_that_lists_the_supported_ones(size):
    with pytest.raises(UserError, match="squares of 32, 64 or 96 pixels; choose one of these"):
        check_square(size, (32, 64, 96))
    check_square(64, (32, 64, 96))
    check_square((32, 32), (32, 64, 96))


@pytest.mark.parametrize(
    ("sizes", "image_size", "color", "shape"),
    [
        ([(112, 92, 1)] * 2, None, "keep", (1, 56, 46)),
        ([(112, 92, 1)] * 2, "original", "keep", (1, 112, 92)),
        ([(112, 92, 1)] * 2, 32, "rgb", (3, 32, 32)),
        ([(112, 92, 1)] * 2, (70, 90), "keep", (1, 70, 90)),
        ([(64, 64, 1), (64, 64, 3)], None, "keep", (3, 64, 64)),
        ([(64, 64, 1), (64, 64, 3)], None, "gray", (1, 64, 64)),
        ([(10, 20, 1), (20, 30, 1), (40, 31, 1)], None, "keep", (1, 20, 30)),
        ([(2, 20, 1), (4, 20, 1)], None, "keep", (1, 8, 20)),
        ([(4, 4, 1)] * 2, None, "keep", (1, 4, 4)),
        ([(40, 20_000, 1)], None, "keep", (1, 8, 63)),
        ([(65, 33, 1)], None, "keep", (1, 32, 16)),
    ],
)
def test_one_size_and_color_mode_is_chosen_for_all(sizes, image_size, color, shape):
    assert choose_shape(np.array(sizes), image_size, color)[0] == shape


def test_notes_say_what_was_chosen():
    _, notes = choose_shape(np.array([(100, 200, 1), (300, 400, 3)]), None, "keep")
    assert [note.split(",")[0] for note in notes] == [
        "1 of 2 images are in color",
        "The images are from 100 to 300 pixels high and from 200 to 400 wide: all are resized to the median",
        "The images are shrunk from 200 x 300 to 40 x 60",
    ]
    assert choose_shape(np.array([(28, 28, 1)]), None, "keep")[1] == []


@pytest.mark.parametrize(
    ("sizes", "side"),
    [([(8, 8, 1)], 32), ([(32, 32, 3)], 32), ([(33, 20, 3)], 64), ([(100, 200, 1), (300, 400, 3)], 96)],
)
def test_methods_with_a_few_square_sizes_get_the_smallest_that_loses_no_pixels(sizes, side):
    shape, notes = choose_shape(np.array(sizes), None, "keep", (32, 64, 96))
    assert shape[1:] == (side, side)
    assert any(f"The network takes {side} x {side} images" in note for note in notes) == (sizes[0][:2] != (32, 32))


def test_sizes_that_the_method_does_not_take_are_an_error():
    sentence = "--image-size 40 x 40: the network of this method takes squares of 32, 64 or 96 pixels"
    with pytest.raises(UserError, match=sentence):
        choose_shape(np.array([(8, 8, 1)]), 40, "keep", (32, 64, 96))
    with pytest.raises(UserError, match="--image-size 8 x 8"):
        choose_shape(np.array([(8, 8, 1)]), "original", "keep", (32, 64, 96))
    assert choose_shape(np.array([(8, 8, 1)]), 64, "keep", (32, 64, 96))[0] == (1, 64, 64)
