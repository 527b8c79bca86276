import json
import re

from raycluster.report.sweep_page import sweep_page


def row(trial, rate, affinity, objective, state="finished", nmi=None):
    return {
        "trial": trial,
        "state": state,
        "settings": {"learning_rate": rate, "affinity": affinity},
        "objective": objective,
        "scores": {} if nmi is None else {"nmi": nmi},
        "seconds": 2.0,
    }


ROWS = [
    row(0, 0.01, "local", 0.5, nmi=0.6),
    row(1, 0.1, "global", 0.9, nmi=0.8),
    row(2, 0.001, "local", 0.1, state="stopped"),
    row(3, 0.02, "local", None, state="failed"),
]


def data_of(page):
    return json.loads(re.search(r'id="sweep">([^<]*)<', page)[1])


def test_every_trial_with_an_objective_is_a_point_of_each_panel_and_a_line():
    page = sweep_page(ROWS, "silhouette", "jule on digits")
    # Two settings of three trials, and two finished trials against NMI.
    assert page.count("<circle") == 2 * 3 + 2
    assert page.count("<polyline") == 3
    assert page.count('fill="none" stroke="#96afd6"') == 3  # the stopped trial: two rings and a line
    assert page.count("stroke-dasharray") == 1
    assert "silhouette against learning_rate" in page
    assert "NMI with known classes against silhouette" in page


def test_the_table_has_the_best_trial_first():
    data = data_of(sweep_page(ROWS, "silhouette", "jule on digits", "trials/0001/report.html"))
    assert data["counts"] == "2 finished, 1 stopped, 1 failed"
    assert (data["highest"], data["best"]) == ("0.9000", "trials/0001/report.html")
    assert data["trials"][0] == ["trial", "state", "silhouette", "NMI", "learning_rate", "affinity", "seconds"]
    assert data["trials"][1] == ["1", "finished", "0.9", "0.8", "0.1", "global", "2"]
    assert [trial[0] for trial in data["trials"][1:]] == ["1", "0", "2"]


def test_a_sentence_stands_above_the_pictures():
    assert data_of(sweep_page(ROWS, "silhouette", "jule on digits", note="Numbers of clusters: 9"))["note"].endswith(
        "9"
    )


def test_without_labels_there_is_no_plot_of_them():
    assert "NMI" not in sweep_page([ROWS[2]], "silhouette", "jule on digits")


def test_the_page_needs_no_other_file():
    page = sweep_page(ROWS, "silhouette", "jule on <digits>")
    assert "<digits>" not in page
    assert not re.search(r"https?://|<link rel=.stylesheet|<img|src=", page)


def test_before_the_first_trial_has_finished_there_is_nothing_to_draw():
    data = data_of(sweep_page([ROWS[3]], "silhouette", "jule on digits"))
    assert (data["highest"], data["trials"]) == (None, [])
