import xml.etree.ElementTree as ET

from raycluster.report.svg import line, open_svg, polyline, text


def test_a_plot_of_all_elements_is_well_formed_and_escapes_its_texts():
    parts = [line(0, 0, 1, 1, dashed=True), polyline([(0, 1), (2, 3.25)], title="a<b"), text(1, 2, "x & y", bold=True)]
    root = ET.fromstring("".join([open_svg(30, 20, "<title>", 12), *parts, "</svg>"]))
    assert root.attrib["viewBox"] == "0 0 30 20"
    title, drawn_line, drawn_points, drawn_text = root
    assert title.text == "<title>"
    assert drawn_line.attrib["stroke-dasharray"] == "4 3"
    assert drawn_points.attrib["points"] == "0.0,1.0 2.0,3.2"
    assert drawn_points[0].text == "a<b"
    assert (drawn_text.text, drawn_text.attrib["font-weight"]) == ("x & y", "bold")


def test_only_a_standalone_plot_has_a_namespace():
    assert ET.fromstring(open_svg(1, 1, "", 12, standalone=True) + "</svg>").tag == "{http://www.w3.org/2000/svg}svg"
    assert "http" not in open_svg(1, 1, "", 12)
