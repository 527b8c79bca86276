import numpy as np
import pytest
from PIL import Image, ImageDraw

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import as_image
from raycluster.data.image.fit import Placement, fill, has_aspect_of, place, prepare, prepare_block


@pytest.fixture
def ramp():
    """A gray image, 4 x 8, of 32 different values."""
    return np.arange(0, 256, 8, dtype=np.uint8).reshape(4, 8)


def disk(height, width):
    """A black disk that touches the shorter sides, on light gray."""
    image = Image.new("L", (width, height), 200)
    ImageDraw.Draw(image).circle(((width - 1) / 2, (height - 1) / 2), min(height, width) / 2 - 1, 0)
    return np.asarray(image)


def test_shrinking_by_an_integer_averages_exactly_the_replaced_pixels():
    pixels = np.array([[0, 4, 10, 10], [8, 0, 10, 10]], np.uint8)
    np.testing.assert_array_equal(prepare(pixels, Canvas(1, 1, 2)), [[[3, 10]]])


def test_other_shrinking_does_not_alias():
    stripes = np.tile(np.array([0, 255], np.uint8), (100, 50))
    shrunk = prepare(stripes, Canvas(1, 30, 30))
    assert abs(shrunk.mean() - 127.5) < 2
    assert shrunk.std() < 30


def test_color_is_converted_as_the_set_needs_it(ramp):
    gray = prepare(ramp, Canvas(3, 4, 8))
    np.testing.assert_array_equal(gray, np.stack([ramp] * 3))
    red = np.zeros((4, 8, 3), np.uint8)
    red[..., 0] = 200
    np.testing.assert_array_equal(prepare(red, Canvas(1, 4, 8)), np.full((1, 4, 8), 60))  # 0.299 * 200
    np.testing.assert_array_equal(prepare(red, Canvas(3, 4, 8))[0], red[..., 0])


@pytest.mark.parametrize(
    ("size", "canvas"), [((112, 92), (56, 46)), ((65, 33), (32, 16)), ((640, 199), (64, 19)), ((30, 40), (61, 80))]
)
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_images_of_the_aspect_ratio_of_the_canvas_are_simply_resized(size, canvas, fit):
    pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    image = Image.fromarray(pixels)
    resized = image.reduce(2) if size == (112, 92) else image.resize(canvas[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(prepare(pixels, Canvas(1, *canvas, fit))[0], np.asarray(resized))


def test_every_set_of_one_size_is_simply_resized_to_its_divided_size():
    height, width = np.mgrid[64:400:3, 64:400:5].reshape(2, -1)
    divisor = -(-np.maximum(height, width) // 64)
    for h, w, d in zip(height.tolist(), width.tolist(), divisor.tolist(), strict=True):
        if min(h, w) // d >= 8:
            assert has_aspect_of(Canvas(1, h // d, w // d), h, w)


def test_one_pixel_of_the_short_side_is_the_tolerance():
    canvas = Canvas(1, 48, 64)
    heights, widths = np.array([3000, 47, 46, 49, 51]), np.array([4000, 64, 64, 64, 64])
    assert has_aspect_of(canvas, heights, widths).tolist() == [True, True, False, True, False]
    assert not has_aspect_of(canvas, 4000, 3000)


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (600, 90), (61, 103)])
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_circle_stays_a_circle(size, fit):
    prepared = prepare(disk(*size), Canvas(1, 40, 40, fit))[0]
    rows, columns = np.flatnonzero((prepared < 100).any(axis=1)), np.flatnonzero((prepared < 100).any(axis=0))
    assert abs(len(rows) - len(columns)) <= 1
    assert abs(rows.mean() - 19.5) <= 0.5
    assert abs(columns.mean() - 19.5) <= 0.5
    assert prepared[0, 0] == 200
    if fit == "crop":
        assert len(rows) >= 38


def test_padding_shows_all_of_the_image_on_the_median_color_of_its_border():
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:] = (10, 20, 30)
    pixels[0, 0] = (255, 0, 255)
    prepared = prepare(pixels, Canvas(3, 5, 4))
    np.testing.assert_array_equal(prepared[:, 1:3], pixels.transpose(2, 0, 1))
    for row in (0, 3, 4):
        assert (prepared[:, row].T == (10, 20, 30)).all()


def test_cropping_shows_the_center_and_no_ground():
    pixels = np.repeat(np.arange(12, dtype=np.uint8)[None], 4, axis=0)
    np.testing.assert_array_equal(prepare(pixels, Canvas(1, 4, 4, "crop"))[0], pixels[:, 4:8])


@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (1000, 1), (3, 5000)])
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_extreme_shapes_work(size, fit):
    for canvas in (Canvas(1, 8, 8, fit), Canvas(3, 48, 64, fit), Canvas(1, 1, 1, fit)):
        prepared = prepare(np.full(size, 77, np.uint8), canvas)
        assert prepared.shape == canvas.shape
        assert (prepared == 77).all()


def test_the_size_needed_is_that_of_the_whole_image():
    assert place(3000, 4000, Canvas(3, 48, 64)).at_least == (48, 64)
    assert place(4000, 3000, Canvas(3, 48, 64, "pad")) == Placement(48, 36, (0, 0, 1, 1), False)
    assert place(1000, 4000, Canvas(3, 64, 64, "crop")) == Placement(64, 64, (0.375, 0, 0.625, 1), False)
    assert place(1000, 4000, Canvas(3, 64, 64, "crop")).at_least == (64, 256)
    assert place(1000, 4000, Canvas(3, 64, 64, "pad")).at_least == (16, 64)


def test_all_of_an_image_is_averaged_where_both_sides_shrink_by_an_integer():
    assert [place(480, 640, Canvas(1, *size)).averages for size in [(48, 64), (64, 64), (50, 64), (47, 63)]] == [
        *(True, True, True, False)
    ]
    assert not place(480, 640, Canvas(1, 48, 48, "crop")).averages


def test_a_known_placement_holds_for_a_smaller_copy():
    pixels = disk(200, 100)
    canvas = Canvas(1, 25, 25, "crop")
    small = Image.fromarray(pixels).reduce(2)
    difference = fill(small, place(200, 100, canvas), canvas).astype(int) - prepare(pixels, canvas)
    assert np.abs(difference).max() <= 8


@pytest.mark.parametrize("layout", [(4, 8), (4, 8, 1), (4, 8, 3)])
def test_an_array_is_prepared_at_once_as_its_images_are_one_by_one(layout):
    values = np.random.default_rng(0).integers(0, 256, (5, *layout), np.uint8)
    channels = 3 if layout[2:] == (3,) else 1
    canvas = Canvas(channels, 4, 8)
    block = prepare_block(values, canvas)
    np.testing.assert_array_equal(block, [prepare(as_image(value), canvas) for value in values])
    assert prepare_block(values, Canvas(4 - channels, 4, 8)) is None
    assert prepare_block(values, Canvas(channels, 8, 8)) is None
    assert prepare_block(values / 255, canvas) is None


def test_a_crop_share_takes_the_middle_of_every_image():
    pixels = np.random.default_rng(0).integers(0, 256, (80, 120), np.uint8)
    canvas = Canvas(1, 32, 32, "crop", None, 0.8)
    placement = place(80, 120, canvas)
    np.testing.assert_allclose(placement.box, (28 / 120, 0.1, 92 / 120, 0.9))  # 64 of 80 pixels a side
    wanted = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR, box=(28, 8, 92, 72))
    assert np.abs(prepare(pixels, canvas)[0].astype(int) - np.asarray(wanted)).max() <= 1
    square = np.random.default_rng(0).integers(0, 256, (1, 40, 40), np.uint8)
    np.testing.assert_array_equal(prepare(square[0], canvas)[0], square[0, 4:36, 4:36])
    assert prepare_block(np.zeros((2, 32, 32), np.uint8), canvas) is None


def test_bicubic_interpolation_is_that_of_pillow():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    wanted = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC)  # though both sides shrink by 2
    np.testing.assert_array_equal(
        prepare(pixels, Canvas(3, 32, 32, interpolation="bicubic")), np.moveaxis(np.asarray(wanted), 2, 0)
    )
