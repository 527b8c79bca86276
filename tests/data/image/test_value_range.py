import io

import numpy as np
import pytest
from PIL import Image

from raycluster.data.image.decode import decode
from raycluster.data.image.value_range import natural_range, raw_extremes
from raycluster.data.unreadable import Unreadable


def encoded(values: np.ndarray, kind: str = "TIFF", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("low", "high", "is_float", "expected"),
    [
        (0, 255, False, (0, 255)),
        (0, 256, False, (0, 256)),  # less than half of ten bits
        (3, 1000, False, (0, 1023)),
        (0, 4095, False, (0, 4095)),
        (40, 60000, False, (0, 65535)),
        (1000, 1100, False, (1000, 1100)),  # nothing could be seen in 0 to 4095
        (0, 100_000, False, (0, 100_000)),
        (-1024, 3071, False, (-1024, 3071)),
        (0.0, 1.0, True, (0, 1)),
        (0.2, 0.4, True, (0, 1)),
        (0.0, 2.5, True, (0, 2.5)),
        (7.0, 7.0, True, (7, 8)),
    ],
)
def test_the_range_is_the_usual_one_where_the_values_use_half_of_it_and_else_their_own(low, high, is_float, expected):
    assert natural_range(low, high, is_float) == expected


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_extremes_of_16_bits_and_the_range_that_makes_them_visible(kind):
    data = encoded(np.array([[0, 2048, 4095]], np.uint16), kind)
    assert raw_extremes(data) == (0, 4095, False)
    assert decode(data).max() == 16
    assert decode(data, value_range=natural_range(0, 4095, False)).tolist() == [[0, 128, 255]]


def test_images_of_8_bits_have_no_extremes():
    assert raw_extremes(encoded(np.array([[0, 200]], np.uint8), "PNG")) is None


def test_missing_pixels_do_not_count():
    assert raw_extremes(encoded(np.array([[np.nan, -3, 9, np.inf]], np.float32))) == (-3, 9, True)
    assert raw_extremes(encoded(np.array([[np.nan, np.nan]], np.float32))) is None


def test_each_page_has_its_own_extremes():
    pages = [Image.fromarray(np.array([[0, top]], np.uint16)) for top in (10, 20)]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    assert [raw_extremes(buffer.getvalue(), frame=frame) for frame in (0, 1)] == [(0, 10, False), (0, 20, False)]


def test_a_file_that_is_no_image_is_unreadable():
    with pytest.raises(Unreadable, match="not an image"):
        raw_extremes(b"Dear reader, this is not a picture.")
