import numpy as np
import pytest
from PIL import Image

from raycluster.data.thumbnails import encode_picture
from raycluster.report.contact_sheet import GAP, TILE, contact_sheet, examples


def test_examples_are_the_most_or_least_confident_of_each_cluster():
    assignments = np.array([0, 1, 0, 1, 0])
    confidence = np.array([0.1, 0.9, 0.8, 0.2, 0.5])
    assert [rows.tolist() for rows in examples(assignments, confidence, 2)] == [[2, 4], [1, 3]]
    assert [rows.tolist() for rows in examples(assignments, confidence, 1, least=True)] == [[0], [3]]


def test_equally_confident_examples_are_spread_evenly_over_the_cluster():
    assert examples(np.zeros(101, int), np.ones(101), 3)[0].tolist() == [0, 50, 100]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_sheet_has_a_row_per_list_and_keeps_proportions(mode):
    tall = encode_picture(np.asarray(Image.new(mode, (10, 20), (7,) * len(mode))))
    sheet = contact_sheet([[tall, tall], [tall]])
    assert sheet.size == (2 * TILE + GAP, 2 * TILE + GAP)
    pixels = np.asarray(sheet)
    dark = (pixels[:TILE, :TILE] == 7).all(axis=2)
    assert dark.any(axis=1).sum() == TILE
    assert dark.any(axis=0).sum() == TILE // 2
    assert (pixels[TILE + GAP :, TILE + GAP :] == 255).all()
