import numpy as np

from raycluster.data.contrast import contrast, is_blank, is_faint


def test_contrast_is_the_span_of_the_channel_that_spans_most():
    images = np.zeros((4, 3, 5, 7), np.uint8)
    images[0] = [[[200]], [[0]], [[90]]]  # flat red
    images[1, 1, 2, 3] = 2
    images[2, 0, 0, 0], images[2, 2, 4, 6] = 3, 16
    images[3, :, :, 3:] = 17
    assert contrast(images).tolist() == [0, 2, 16, 17]
    assert contrast(images).dtype == np.uint8
    assert is_blank(images).tolist() == [True, True, False, False]
    assert is_faint(images).tolist() == [False, False, True, False]


def test_the_whole_range_is_255_levels():
    assert contrast(np.array([0, 255], np.uint8).reshape(1, 1, 1, 2)).tolist() == [255]
