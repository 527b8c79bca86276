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


def test_every_trial_with_an_objective_is_a_point_of_each_panel_and_a_line():
    page = sweep_page(ROWS, "silhouette", "jule on digits")
    # Two settings of three trials, and two finished trials against NMI.
    assert page.count("<circle") == 2 * 3 + 2
    assert page.count("<polyline") == 3
    assert page.count('fill="white" stroke') == 2
    assert page.count("stroke-dasharray") == 1
    assert "silhouette against learning_rate" in page
    assert "NMI against silhouette" in page
    assert "2 finished, 1 stopped, 1 failed" in page


def test_without_labels_there_is_no_plot_of_them():
    page = sweep_page([ROWS[2]], "silhouette", "jule on digits")
    assert "NMI" not in page


def test_the_page_needs_no_other_file():
    page = sweep_page(ROWS, "silhouette", "jule on <digits>")
    assert "<digits>" not in page
    assert not re.search(r"https?://|<script|<link|<img", page)


def test_before_the_first_trial_has_finished_the_page_says_so():
    assert "No trial has finished yet" in sweep_page([ROWS[3]], "silhouette", "jule on digits")
