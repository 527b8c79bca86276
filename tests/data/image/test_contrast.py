import numpy as np

from raycluster.data.image.contrast import contrast, contrast_warnings


def test_contrast_is_the_span_of_the_channel_that_spans_most():
    images = np.zeros((4, 3, 5, 7), np.uint8)
    images[0] = [[[200]], [[0]], [[90]]]  # flat red
    images[1, 1, 2, 3] = 2
    images[2, 0, 0, 0], images[2, 2, 4, 6] = 3, 16
    images[3, :, :, 3:] = 17
    assert contrast(images).tolist() == [0, 2, 16, 17]
    assert contrast(images).dtype == np.uint8


def test_the_whole_range_is_255_levels():
    assert contrast(np.array([0, 255], np.uint8).reshape(1, 1, 1, 2)).tolist() == [255]


def test_blank_and_nearly_blank_images_are_counted_and_some_are_named():
    levels = np.array([0, 2, 3, 16, 17, 255, 1, 2, 0], np.uint8)
    assert contrast_warnings(levels, list("abcdefghi")) == (
        "5 of 9 images are blank: a, b, g, ...",
        "2 of 9 images are nearly blank (at most 16 levels of 256): c, d.",
    )
    assert contrast_warnings(levels[4:6], ["e", "f"]) == ()
