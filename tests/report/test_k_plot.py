import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from raycluster.graph.n_clusters import Candidate, NClusters
from raycluster.report.k_plot import k_plot

SVG = "{http://www.w3.org/2000/svg}"


def answer(chosen=10, others=(20, 11), highest=400):
    tried = np.arange(2, highest + 1)
    scores = 0.5 - np.log(tried / chosen) ** 2 / 4
    ranked = tuple(Candidate(k, float(scores[k - 2]), 0.9, 0.5, 0.7) for k in (chosen, *others))
    return NClusters(chosen, ranked, tried, scores)


def drawn(plot):
    root = ET.fromstring(plot.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
    return root, root.findall(f"{SVG}circle"), [text.text for text in root.findall(f"{SVG}text")]


def test_the_chosen_number_is_the_highest_point_and_is_connected_to_the_axis():
    root, circles, _ = drawn(k_plot(answer()))
    points = [tuple(map(float, point.split(","))) for point in root.find(f"{SVG}polyline").get("points").split()]
    highest = min(points, key=lambda point: point[1])
    assert (float(circles[0].get("cx")), float(circles[0].get("cy"))) == highest
    assert circles[0].get("fill") != circles[1].get("fill")
    (dashed,) = [line for line in root.findall(f"{SVG}line") if line.get("stroke-dasharray")]
    assert dashed.get("x1") == dashed.get("x2") == circles[0].get("cx")


def test_doubling_a_number_moves_it_by_the_same_distance():
    _, circles, _ = drawn(k_plot(answer(chosen=10, others=(20, 40))))
    at = [float(circle.get("cx")) for circle in circles]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1], abs=0.15)


def test_axes_have_names_and_ticks_and_alternatives_are_labeled():
    _, circles, texts = drawn(k_plot(answer()))
    assert {"number of clusters", "score"} <= set(texts)
    assert {"2", "5", "10", "20"} <= set(texts)
    assert texts[-2:] == ["10", "20"]  # 11 is marked, but there is no room for its label
    assert len(circles) == 3


def test_the_axis_ends_soon_after_the_marks():
    root, _, texts = drawn(k_plot(answer(highest=5000)))
    assert len(root.find(f"{SVG}polyline").get("points").split()) == 39  # 2 to 40
    assert "100" not in texts


def test_everything_is_inside_the_plot_even_with_negative_scores():
    plot = answer()
    plot = plot._replace(scores=plot.scores - 2, ranked=tuple(c._replace(score=c.score - 2) for c in plot.ranked))
    root, circles, _ = drawn(k_plot(plot, 400, 200))
    assert root.get("viewBox") == "0 0 400 200"
    for point in root.find(f"{SVG}polyline").get("points").split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 400
        assert 0 <= y <= 200
    assert all(0 <= float(circle.get("cy")) <= 200 for circle in circles)


def test_a_single_number_can_be_drawn():
    alone = NClusters(7, (Candidate(7, 0.4, 1.0, 0.0, np.inf),), np.array([7]), np.array([0.4]))
    _, circles, texts = drawn(k_plot(alone))
    assert len(circles) == 1
    assert texts[-1] == "7"


def test_the_plot_needs_no_other_file():
    assert not re.search(r"href|script|style=|url\(|http", k_plot(answer()))
