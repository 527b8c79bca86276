import xml.etree.ElementTree as ET

from raycluster.report.shift_plot import shift_plot

SVG = "{http://www.w3.org/2000/svg}"


def row(factor, amount, frozen, refitted, clean=False):
    return {
        "factor": factor,
        "amount": amount,
        "clean": clean,
        "frozen": {"acc": frozen},
        "refitted": {"acc": refitted},
    }


def test_every_factor_has_a_panel_with_two_lines_that_fall_with_the_accuracy():
    rows = [row("blur", 0, 1.0, 1.0, True), row("blur", 0.1, 0.5, 0.75)]
    rows += [row("hue", amount, 0.9, 0.9) for amount in (-1, 0, 1)]
    root = ET.fromstring(shift_plot(rows))
    assert [text.text for text in root.iter(f"{SVG}text") if text.text.isalpha()] == [
        "blur", "hue", "frozen", "refitted",
    ]  # fmt: skip
    lines = [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in root.iter(f"{SVG}polyline")
    ]
    assert [len(points) for points in lines] == [2, 2, 3, 3]
    (_, clean), (_, shifted) = lines[0]
    assert shifted > clean  # downwards
    assert lines[1][1][1] < shifted
    assert "<script" not in shift_plot(rows)
