from html.parser import HTMLParser

from raycluster.report.k_section import k_page, k_section, typical_rows

COUNTED = {
    "suggestions": [
        {
            "n_clusters": 3, "reasons": ["best balance", "highest <modularity>"], "clearness": 0.91, "clear": "clear",
            "links_cut": 0.034, "largest": 1200, "median": 40, "smallest": 7, "merges_to": 2,
            "merges": [[{"size": 40, "row": 1}, {"size": 7, "row": 2}]], "more_parts": [3], "more_merges": 2,
        },
        {
            "n_clusters": 2, "reasons": ["largest gap in affinity"], "clearness": 0.6, "clear": "fairly clear",
            "links_cut": 0.1, "largest": 1200, "median": 623, "smallest": 47, "merges_to": None, "merges": [],
            "more_parts": [], "more_merges": 0,
        },
    ],
    "scores": [[2, 0.3], [3, 0.4], [4, 0.2]],
}  # fmt: skip
NAMES = ["a.png", "b & c.png", "d.png"]


class Cells(HTMLParser):
    """The rows of the table as text."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.is_open = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.is_open = True
        if tag == "br":
            self.rows[-1][-1] += "|"

    def handle_endtag(self, tag):
        self.is_open &= tag not in ("td", "th")

    def handle_data(self, data):
        if self.is_open:
            self.rows[-1][-1] += data


def test_every_suggestion_has_its_reasons_sizes_and_merges():
    head, three, two = Cells(k_page(COUNTED, NAMES)).rows
    assert len(head) == len(three) == len(two)
    assert three == [
        "3 (chosen)", "best balance|highest <modularity>", "0.91, clear", "3.4%", "1,200 / 40 / 7",
        "to 2:|b & c.png 40 + d.png 7 + 3 more|and 2 more",
    ]  # fmt: skip
    assert two == ["2", "largest gap in affinity", "0.60, fairly clear", "10.0%", "1,200 / 623 / 47", ""]


def test_the_page_says_what_is_chosen_how_clear_it_is_and_draws_it():
    page = k_page(COUNTED, NAMES)
    assert "Number of clusters: 3 is chosen" in page
    assert "3.4% of the links between neighbors run from one cluster to another" in page
    assert "a clearness of 0.91, which is clear" in page
    assert page.count("<svg") == 1
    assert "http" not in page
    assert "<script" not in page


def test_a_number_that_was_given_has_no_section():
    assert k_section({}, str) == k_section({"alternatives": []}, str) == ""
    assert typical_rows({}) == []


def test_the_rows_to_read_are_those_that_are_shown():
    shown = []
    k_section(COUNTED, lambda row: shown.append(row) or "")
    assert shown == typical_rows(COUNTED) == [1, 2]
