import numpy as np
import pytest

from raycluster.report.contact_sheet import GAP, TILE, contact_sheet, examples


def test_examples_are_the_most_or_least_confident_of_each_cluster():
    assignments = np.array([0, 1, 0, 1, 0])
    confidence = np.array([0.1, 0.9, 0.8, 0.2, 0.5])
    assert [rows.tolist() for rows in examples(assignments, confidence, 2)] == [[2, 4], [1, 3]]
    assert [rows.tolist() for rows in examples(assignments, confidence, 1, least=True)] == [[0], [3]]


def test_equally_confident_examples_are_spread_evenly_over_the_cluster():
    assert examples(np.zeros(101, int), np.ones(101), 3)[0].tolist() == [0, 50, 100]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sheet_has_a_row_per_array_and_keeps_proportions(channels):
    tall = np.full((2, channels, 20, 10), 7, np.uint8)
    sheet = contact_sheet([tall, tall[:1]])
    assert sheet.size == (2 * TILE + GAP, 2 * TILE + GAP)
    pixels = np.asarray(sheet)
    dark = (pixels[:TILE, :TILE] == 7).all(axis=2)
    assert dark.any(axis=1).sum() == TILE
    assert dark.any(axis=0).sum() == TILE // 2
    assert (pixels[TILE + GAP :, TILE + GAP :] == 255).all()
