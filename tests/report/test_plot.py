import re
import xml.etree.ElementTree as ET

from raycluster.report.axis import axis_of
from raycluster.report.plot import BLUE, RED, Dot, Line, Mark, Note, panels, plot


def drawn(**what):
    x, y = axis_of([0, 10], "time & <space>"), axis_of([0, 1], "height")
    return ET.fromstring(plot("a <title>", x, y, size=(400, 200), **what))


def texts(root):
    return {text.text: (float(text.get("x")), float(text.get("y"))) for text in root.iter("text")}


def test_axes_titles_and_tooltips_are_text():
    root = drawn(lines=[Line([(0, 0), (10, 1)], title="a<b")], notes=[Note(5, 0.5, "x & y")])
    assert root.find("title").text == "a <title>"
    assert {"time & <space>", "height", "0", "x & y"} <= set(texts(root))
    assert root.find("polyline/title").text == "a<b"


def test_points_lie_where_the_axes_say_and_inside_the_plot():
    root = drawn(dots=[Dot(0, 0), Dot(10, 1), Dot(5, 0.5, hollow=True)], lines=[Line([(0, 1), (10, 0)], dashed=True)])
    (left, low), (right, high), (middle, half) = (
        (float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter("circle")
    )
    assert 0 < left < middle < right < 400
    assert 200 > low > half > high > 0
    assert abs((left + right) / 2 - middle) < 0.11
    assert root.find("polyline").get("stroke-dasharray")
    assert [dot.get("fill") for dot in root.iter("circle")] == [BLUE, BLUE, "none"]


def test_no_label_of_a_mark_covers_another():
    root = drawn(marks=[Mark(5, "14", RED, bold=True), Mark(5.1, "15"), Mark(5.2, "16"), Mark(1, "3")])
    places = [texts(root)[label] for label in ("14", "15", "16", "3")]
    for i, (x, y) in enumerate(places):
        assert all(abs(x - other) >= 14 or abs(y - height) >= 12 for other, height in places[:i])
    assert places[0][1] == places[3][1] > places[1][1]


def test_panels_are_a_file_that_needs_no_other():
    axis = axis_of([0, 1])
    text = panels(
        "two", [plot("a", axis, axis, at=(0, 0)), plot("b", axis, axis, at=(640, 0))], (1280, 300), [("x", RED)]
    )
    root = ET.fromstring(text)
    svg = "{http://www.w3.org/2000/svg}"
    assert [inner.get("x") for inner in root.findall(f"{svg}svg")] == [None, "640"]
    assert not re.search(r"href|script|style=|url\(", text)
