import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from raycluster.report.k_plot import CHOSEN, OTHER, k_plot

SVG = "{http://www.w3.org/2000/svg}"


def counted(*suggested, lowest=2, highest=40, shift=0.0):
    """A parabola of scores with its top at the first number that is suggested."""
    tried = np.arange(lowest, highest + 1)
    scores = 0.5 - np.log(tried / suggested[0]) ** 2 / 4 + shift
    return {
        "suggestions": [{"n_clusters": k} for k in suggested],
        "scores": [[int(k), float(score)] for k, score in zip(tried, scores, strict=True)],
    }


def drawn(plot):
    root = ET.fromstring(plot.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
    return root, root.findall(f"{SVG}circle"), root.findall(f"{SVG}text")


def labels(plot):
    """The labels of the suggestions, which have their colors."""
    return [text for text in drawn(plot)[2] if text.get("fill") in (CHOSEN, OTHER)]


def test_the_chosen_number_is_the_highest_point_and_every_suggestion_is_connected_to_the_axis():
    root, circles, _ = drawn(k_plot(counted(10, 20, 5)))
    points = [tuple(map(float, point.split(","))) for point in root.find(f"{SVG}polyline").get("points").split()]
    assert (float(circles[0].get("cx")), float(circles[0].get("cy"))) == min(points, key=lambda point: point[1])
    assert [circle.get("fill") for circle in circles] == [CHOSEN, OTHER, OTHER]
    dashed = [line for line in root.findall(f"{SVG}line") if line.get("stroke-dasharray")]
    assert [line.get("x1") for line in dashed] == [line.get("x2") for line in dashed]
    assert [line.get("x1") for line in dashed] == [circle.get("cx") for circle in circles]


def test_doubling_a_number_moves_it_by_the_same_distance():
    _, circles, _ = drawn(k_plot(counted(10, 20, 40)))
    at = [float(circle.get("cx")) for circle in circles]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1], abs=0.15)


def test_axes_have_names_and_ticks():
    texts = [text.text for text in drawn(k_plot(counted(10)))[2]]
    assert {"number of clusters", "score: separation, less links cut"} <= set(texts)
    assert {"2", "5", "10", "20"} <= set(texts)


def test_all_suggestions_are_labeled_and_no_label_covers_another():
    found = labels(k_plot(counted(14, 15, 16, 13, 3)))
    assert [text.text for text in found] == ["14", "15", "16", "13", "3"]
    assert found[0].get("font-weight") == "bold"
    places = [(float(text.get("x")), float(text.get("y"))) for text in found]
    for i, (x, y) in enumerate(places):
        assert all(abs(x - other) >= 14 or abs(y - height) >= 12 for other, height in places[:i])
    assert places[0][1] == places[4][1] > places[1][1]


def test_everything_is_inside_the_plot_even_with_negative_scores():
    root, circles, _ = drawn(k_plot(counted(10, 11, 9, shift=-2.0), 400, 200))
    assert root.get("viewBox") == "0 0 400 200"
    for point in root.find(f"{SVG}polyline").get("points").split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 400
        assert 0 <= y <= 200
    assert all(0 <= float(circle.get("cy")) <= 200 for circle in circles)
    assert all(float(text.get("y")) >= 10 for text in labels(k_plot(counted(10, 11, 9), 400, 200)))


def test_a_single_number_can_be_drawn():
    plot = k_plot(counted(7, lowest=7, highest=7))
    assert len(drawn(plot)[1]) == 1
    assert [text.text for text in labels(plot)] == ["7"]


def test_the_plot_needs_no_other_file():
    assert not re.search(r"href|script|style=|url\(|http", k_plot(counted(10, 20)))
