import xml.etree.ElementTree as ET

import numpy as np
import pytest

from raycluster.report.charts import charts_of_run, k_chart, loss_chart
from raycluster.report.plot import BLUE, RED


def counted(*suggested, lowest=2, highest=40):
    """A parabola of scores with its top at the first number that is suggested."""
    tried = np.arange(lowest, highest + 1)
    scores = 0.5 - np.log(tried / suggested[0]) ** 2 / 4
    return {
        "suggestions": [{"n_clusters": k} for k in suggested],
        "scores": [[int(k), float(score)] for k, score in zip(tried, scores, strict=True)],
    }


def test_the_chosen_number_is_the_highest_point_and_doubling_one_moves_it_by_the_same_distance():
    root = ET.fromstring(k_chart(counted(10, 20, 40)))
    points = [tuple(map(float, point.split(","))) for point in root.find("polyline").get("points").split()]
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter("circle")]
    assert dots[0] == min(points, key=lambda point: point[1])
    assert [dot.get("fill") for dot in root.iter("circle")] == [RED, BLUE, BLUE]
    assert dots[1][0] - dots[0][0] == pytest.approx(dots[2][0] - dots[1][0], abs=0.15)


def test_a_single_number_can_be_drawn_and_a_given_one_is_not():
    assert "<circle" in k_chart(counted(7, lowest=7, highest=7))
    assert k_chart({}) == k_chart({"alternatives": []}) == ""


def test_the_loss_is_drawn_from_two_epochs_on():
    rows = [{"loss": loss, "period": 1} for loss in (0.4, 0.2, 0.3)] + [{"clusters": 3}]
    root = ET.fromstring(loss_chart(rows))
    assert "from 0.4000 to 0.3000; it jumps" in root.find("title").text
    assert len(root.find("polyline").get("points").split()) == 3
    assert loss_chart(rows[:1]) == ""


def test_a_page_has_the_charts_that_there_is_something_for(content):
    assert charts_of_run(content).count("<figure>") == 1
