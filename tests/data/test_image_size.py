import numpy as np
import pytest

from raycluster.data.canvas import Canvas
from raycluster.data.image_size import check_square, choose_canvas, choose_square
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
    for fit in ("pad", "crop"):
        assert choose_canvas(np.array(sizes), image_size, color, None, fit)[0] == Canvas(*shape, fit)


def test_the_canvas_of_a_mixed_set_has_the_shape_of_most_images():
    landscape, portrait = (3000, 4000, 3), (4000, 3000, 3)
    assert choose_canvas(np.array([landscape] * 5 + [portrait] * 3), None, "keep", None, "pad")[0].shape == (3, 47, 63)
    assert choose_canvas(np.array([landscape] * 3 + [portrait] * 5), None, "keep", None, "pad")[0].shape == (3, 63, 47)
    # However large the images of each shape are.
    sizes = np.array([(25, 40, 3)] * 2 + [(160, 256, 3)] * 3 + [(192, 108, 3)] * 3)
    assert choose_canvas(sizes, None, "keep", None, "pad")[0].shape == (3, 40, 64)
    # Between the shapes if they are equally many, so that none is cut off.
    assert choose_canvas(np.array([landscape, portrait]), None, "keep", None, "pad")[0].shape == (3, 63, 63)


def test_notes_say_what_was_chosen():
    _, notes = choose_canvas(np.array([(100, 200, 1), (300, 400, 3)]), None, "keep", None, "pad")
    assert [note.split(",")[0] for note in notes] == [
        "1 of 2 images are in color",
        "The images are from 100 to 300 pixels high and from 200 to 400 wide: all are fitted to 184 x 300",
        "The images are shrunk from 184 x 300 to 36 x 60",
        "2 of 2 images have another aspect ratio than 36 x 60: they are padded with the color of their border.",
    ]
    assert choose_canvas(np.array([(28, 28, 1)]), None, "keep", None, "pad")[1] == []
    assert choose_canvas(np.array([(8, 8, 1)]), None, "keep", (32, 64), "pad")[1] == [
        "The network takes 32 x 32 images, so all are resized from 8 x 8."
    ]


def test_notes_count_the_images_that_are_padded_or_cropped():
    sizes = np.array([(30, 40, 1)] * 3 + [(60, 80, 1), (40, 30, 1)])
    _, notes = choose_canvas(sizes, None, "keep", None, "crop")
    assert notes[-1] == (
        "1 of 5 images have another aspect ratio than 30 x 40: they are cropped to their central part."
    )
    _, notes = choose_canvas(np.array([(30, 40, 1)]), 32, "keep", None, "pad")
    assert notes == [
        "1 of 1 images have another aspect ratio than 32 x 32: they are padded with the color of their border."
    ]
    assert choose_canvas(sizes[:4], None, "keep", None, "pad")[1] == [
        "The images are from 30 to 60 pixels high and from 40 to 80 wide: all are fitted to 30 x 40, "
        "with the median long side and aspect ratio."
    ]


def test_huge_sizes_do_not_overflow():
    sizes = np.array([(100_000, 1000, 1)] * 2, np.int32)
    assert choose_canvas(sizes, 500, "keep", None, "pad")[1][-1].startswith("2 of 2")
    assert choose_canvas(sizes, (60_000, 600), "keep", None, "pad")[1] == []


@pytest.mark.parametrize(
    ("sizes", "side"),
    [([(8, 8, 1)], 32), ([(32, 32, 3)], 32), ([(33, 20, 3)], 64), ([(100, 200, 1), (300, 400, 3)], 96)],
)
def test_methods_with_a_few_square_sizes_get_the_smallest_that_loses_no_pixels(sizes, side):
    canvas, notes = choose_canvas(np.array(sizes), None, "keep", (32, 64, 96), "pad")
    assert canvas.shape[1:] == (side, side)
    assert any(f"The network takes {side} x {side} images" in note for note in notes) == (sizes[0][:2] != (32, 32))


def test_sizes_that_the_method_does_not_take_are_an_error():
    sentence = "--image-size 40 x 40: the network of this method takes squares of 32, 64 or 96 pixels"
    with pytest.raises(UserError, match=sentence):
        choose_canvas(np.array([(8, 8, 1)]), 40, "keep", (32, 64, 96), "pad")
    with pytest.raises(UserError, match="--image-size 8 x 8"):
        choose_canvas(np.array([(8, 8, 1)]), "original", "keep", (32, 64, 96), "pad")
    assert choose_canvas(np.array([(8, 8, 1)]), 64, "keep", (32, 64, 96), "pad")[0] == Canvas(1, 64, 64)
