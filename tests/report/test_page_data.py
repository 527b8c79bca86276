import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from raycluster.report.arrangement import arrange
from raycluster.report.page_data import as_json, column_data, packed, parts_of, picture_data, row_data, tree_data


def unpacked(text, kind):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)


@pytest.fixture(scope="module")
def arranged(content):
    return arrange(content)


def test_the_tree_is_ranges_of_rows_and_differences_of_cuts(content, arranged):
    data = json.loads(as_json(tree_data(arranged)))
    changes = unpacked(data["clusters"], "<i4").reshape(len(data["numbers"]), -1)
    clusters = np.cumsum(changes, axis=0)
    leaf = np.repeat(np.arange(len(data["starts"]) - 1), np.diff(data["starts"]))
    for number in (2, 10, 57):
        at = data["numbers"].index(number)
        np.testing.assert_array_equal(clusters[at][leaf], content.tree.cut(number)[arranged.order])


def test_columns_hold_confidence_places_and_labels_in_the_order_of_the_page(content, arranged):
    data = column_data(content, arranged)
    np.testing.assert_allclose(
        unpacked(data["confidence"], "<u2") / 65535, content.confidence[arranged.order], atol=1e-5
    )
    np.testing.assert_array_equal(unpacked(data["label"], "<i4"), content.labels[arranged.order])
    x, y = unpacked(data["x"], "<u2").astype(float), unpacked(data["y"], "<u2").astype(float)
    assert max(np.ptp(x), np.ptp(y)) == 65535
    assert np.corrcoef(x, arranged.map[:, 0])[0, 1] > 0.999
    assert np.corrcoef(y, arranged.map[:, 1])[0, 1] < -0.999  # downwards
    assert "label" not in column_data(replace(content, labels=None), arranged)


def test_rows_have_their_public_ids_paths_and_cosines(content, arranged):
    rows = np.array([5, 9])
    data = row_data(content, arranged, rows)
    first = arranged.order[5]
    assert (data["rows"], data["ids"][0], data["paths"][0]) == ([5, 9], int(first) * 2, content.paths[first])
    near = arranged.order[data["near"][0][0]]
    assert data["similar"][0][0] == round(1000 * float(content.vectors[first] @ content.vectors[near]))


def test_vectors_of_other_lengths_have_distances(content, arranged):
    data = row_data(replace(content, vectors=content.vectors * 2), arranged, np.array([5]))
    assert data["similar"][0][0] == pytest.approx(float(arranged.distances[5][0]), abs=1e-4)


def test_ids_that_javascript_cannot_hold_are_text(content, arranged):
    ids = content.ids.astype(np.uint64) + np.uint64(2**60)
    assert row_data(replace(content, ids=ids), arranged, np.array([0]))["ids"][0] == str(ids[arranged.order[0]])


def test_nothing_in_json_can_end_its_element_and_lone_halves_of_characters_are_escaped():
    text = as_json({"a": "</script>\u2028", "b": "\udcff"})
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == {"a": "</script>\u2028", "b": "\udcff"}


def test_pictures_are_data_urls_without_their_beginning():
    assert picture_data([b"\x89PNG1", b"\xff\xd8", None]) == ["png;base64,iVBORzE=", "jpeg;base64,/9g=", ""]


def test_parts_hold_every_row_once():
    parts = list(parts_of(2500, 1000))
    assert [number for number, _ in parts] == [0, 1, 2]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in parts]), np.arange(2500))


def test_packed_arrays_are_little_endian():
    assert unpacked(packed(np.array([1.0, 258.0]), np.uint16), "u1").tolist() == [1, 0, 2, 1]
