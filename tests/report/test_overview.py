from dataclasses import replace

import numpy as np
import pytest

from raycluster.report.arrangement import arrange
from raycluster.report.overview import comparison, nearest_clusters, overview_data


@pytest.fixture(scope="module")
def overview(content):
    return overview_data(content, arrange(content), "", 1000)


def test_it_says_what_was_done_and_what_came_out(overview):
    assert overview["title"] == "400 images in 10 clusters"
    facts = dict(overview["facts"])
    assert facts["Network"] == "resnet50"
    assert facts["Number of clusters"] == "chosen by the run"
    assert facts["Rejected"] == "2 inputs, listed in rejected.parquet"
    assert overview["reasons"] == [["not an <image>", 2]]
    assert overview["warnings"] == ["3 images are <blank>"]
    assert overview["quality"][1] == ["gdl (shown here)", "0.900", "0.900", "0.870", "0.850"]
    assert "agrees with these to ARI 0.670" in overview["sentences"][0]


def test_the_examples_of_suggestions_are_rows_of_the_page(content, overview):
    arranged = arrange(content)
    for one, shown in zip(content.suggestions, overview["suggestions"], strict=True):
        rows = [part["row"] for parts in one["merges"] for part in parts]
        assert [arranged.order[part["row"]] for parts in shown["merges"] for part in parts] == rows


def test_vectors_are_not_called_images(content):
    vectors = replace(content, read_pictures=None)
    assert overview_data(vectors, arrange(content), "", 1000)["title"] == "400 vectors in 10 clusters"


def test_a_comparison_has_a_row_for_every_method():
    row = {"clusters": 10, "clustered": 0.5, "silhouette": 0.25, "agreement": 1.0, "seconds": None}
    assert comparison({"gdl": row, "evoc": row | {"seconds": 2.0}})[1:] == [
        ["gdl", "10", "50.0%", "0.250", "1.000", ""],
        ["evoc", "10", "50.0%", "0.250", "1.000", "2.0 s"],
    ]
    assert comparison({}) == []


def test_without_a_tree_the_clusters_with_the_nearest_means_are_named(content):
    vectors = np.array([[0.0, 0], [0.0, 1], [1.0, 0], [9.0, 9], [8.0, 9]], np.float32)
    flat = replace(content, vectors=vectors, clusters=np.array([5, 5, 2, 7, 7], np.int32), tree=None)
    assert nearest_clusters(flat) == {2: [5, 7], 5: [2, 7], 7: [2, 5]}
