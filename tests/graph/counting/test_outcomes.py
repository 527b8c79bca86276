import json

import numpy as np
import pytest

from raycluster.graph import first_clusters, link
from raycluster.graph.counting import outcomes
from raycluster.graph.counting.outcomes import MAX_POINTS, clearness_in_words, describe
from raycluster.graph.counting.votes import Suggestion
from raycluster.graph.n_clusters import PRICE, rank_n_clusters

# Three triangles. The edge 2 → 3 joins the first two; the third is joined by the weaker edge 5 → 6.
IDS = np.array([[1, 2], [0, 2], [0, 3], [4, 5], [3, 5], [3, 6], [7, 8], [6, 8], [6, 7]], np.int32)
WEIGHTS = np.array([[1, 1], [1, 1], [1, 0.5], [1, 1], [1, 1], [1, 0.25], [1, 1], [1, 1], [1, 1]], np.float32)


def three_triangles():
    tree = link(IDS, WEIGHTS, np.repeat([0, 1, 2], 3), join_small_components=False)
    answer = rank_n_clusters(tree, IDS, WEIGHTS, min_clusters=1, max_clusters=3)
    return answer, tree


def test_each_number_has_its_sizes_its_links_cut_and_its_clearness():
    answer, tree = three_triangles()
    answer = answer._replace(
        scores=np.array([0, 0.2, 0.4]),
        cuts=np.array([0, 0.3, 0.1]),
        suggestions=(Suggestion(3, ("a", "b")), Suggestion(2, ("c",))),
    )
    assert answer.tried.tolist() == [1, 2, 3]
    three, two = describe(answer, tree, IDS, WEIGHTS)["suggestions"]
    assert (three["n_clusters"], three["reasons"], three["links_cut"]) == (3, ["a", "b"], 0.1)
    assert (three["largest"], three["median"], three["smallest"]) == (3, 3, 3)
    assert (two["largest"], two["median"], two["smallest"]) == (6, 4, 3)
    assert (three["clearness"], three["clear"]) == (pytest.approx(0.8), "clear")
    assert (two["clearness"], two["clear"]) == (pytest.approx(0.4), "not clear")


def test_where_more_is_cut_than_is_worth_it_the_clearness_is_zero_and_not_less():
    answer, tree = three_triangles()
    answer = answer._replace(
        scores=np.array([0, -0.2, 0.4]), cuts=np.array([0, 0.3, 0.1]), suggestions=(Suggestion(2, ("c",)),)
    )
    assert describe(answer, tree, IDS, WEIGHTS)["suggestions"][0]["clearness"] == 0


def test_the_merges_from_one_number_to_the_next_lower_one_are_named_by_typical_rows():
    answer, tree = three_triangles()
    answer = answer._replace(suggestions=(Suggestion(2, ("c",)), Suggestion(3, ("a",))))
    two, three = describe(answer, tree, IDS, WEIGHTS)["suggestions"]
    assert (two["merges_to"], two["merges"]) == (None, [])
    assert three["merges_to"] == 2
    # Rows 0 and 3 have the most weight from others in their triangles: 2, and 2.5 with that from row 2.
    assert three["merges"] == [[{"size": 3, "row": 0}, {"size": 3, "row": 3}]]
    assert (three["more_parts"], three["more_merges"]) == ([0], 0)


def test_parts_and_merges_that_are_not_named_are_counted(monkeypatch):
    answer, tree = three_triangles()
    answer = answer._replace(suggestions=(Suggestion(1, ("c",)), Suggestion(3, ("a",))))
    monkeypatch.setattr(outcomes, "MAX_PARTS", 2)
    three = describe(answer, tree, IDS, WEIGHTS)["suggestions"][1]
    assert ([len(parts) for parts in three["merges"]], three["more_parts"]) == ([2], [1])


def test_the_data_is_plain_and_agrees_with_the_answer():
    answer, tree = three_triangles()
    counted = describe(answer, tree, IDS, WEIGHTS)
    assert json.loads(json.dumps(counted)) == counted
    assert counted["alternatives"] == answer.alternatives
    assert counted["suggestions"][0]["clearness"] == pytest.approx(answer.clearness)
    assert counted["scores"] == [[int(k), score] for k, score in zip(answer.tried, answer.scores, strict=True)]
    separation = (answer.scores + answer.cuts) / PRICE
    assert (np.diff(separation) > 0).all()


def test_of_very_many_numbers_some_scores_are_kept_and_all_that_are_suggested():
    # 400 rings of 20 rows, each row with the 10 that come next.
    row = np.arange(8000)[:, None]
    features = (20 * (row // 20) + 0.1 * (row % 20)).astype(np.float32)
    ids = (row // 20 * 20 + (row + np.arange(1, 11)) % 20).astype(np.int32)
    weights = np.ones(ids.shape, np.float32)
    tree = link(ids, weights, first_clusters(ids), features=features)
    answer = rank_n_clusters(tree, ids, weights)
    assert answer.chosen == 400
    counted = describe(answer, tree, ids, weights)
    shown = [k for k, _ in counted["scores"]]
    assert len(shown) <= MAX_POINTS + 5
    assert {400, *counted["alternatives"]} <= set(shown)
    assert shown == sorted(shown)


def test_clearness_has_words():
    words = [clearness_in_words(value) for value in (1.0, 0.75, 0.7, 0.5, 0.49, 0.0)]
    assert words == ["clear", "clear", "fairly clear", "fairly clear", "not clear", "not clear"]
