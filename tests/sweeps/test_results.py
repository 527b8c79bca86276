import html
import json

import pyarrow.parquet as pq
import pytest

from raycluster.methods import find_method
from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.results import best_row, header, line, notes, rank_agreement, trials_table, write_results
from raycluster.training.trainer import TrainingRun

RUN = TrainingRun(find_method("jule"), JuleSettings(rounds=0), "/photos", 5, "", seed=3)


def swept(tmp_path):
    """Five trials: three finished, one stopped with the largest objective, one failed."""
    ledger = Ledger(tmp_path)
    ledger.write_plan([{"learning_rate": rate, "n_neighbors": None} for rate in (0.1, 0.2, 0.3, 0.4, 0.5)])
    for number, (objective, nmi) in enumerate([(0.5, 0.6), (0.7, 0.9), (0.6, 0.8)]):
        scores = {"pooled_rank": objective, "agreement": -objective, "nmi": nmi, "acc": nmi, "ari": nmi}
        outcome = {"state": "finished", "objective": objective, "scores": scores, "seconds": 61.0, "epochs": 4}
        ledger.write_outcome(number, outcome)
    ledger.write_outcome(3, {"state": "stopped", "objective": 0.99, "epochs": 1, "seconds": 1.0})
    ledger.write_outcome(4, {"state": "failed", "error": "ValueError: no"})
    return ledger


def test_the_best_settings_are_those_of_the_finished_trial_with_the_largest_objective(tmp_path):
    ledger = swept(tmp_path)
    write_results(ledger, RUN, "pooled_rank")
    best = json.loads((tmp_path / "best.json").read_text())
    assert best["learning_rate"] == 0.2
    assert (best["method"], best["data"], best["clusters"], best["seed"]) == ("jule", "/photos", 5, 3)
    assert best["rounds"] == 0
    assert set(best) >= set(JuleSettings.__dataclass_fields__)
    assert (tmp_path / "sweep.html").read_text().count("<circle") == 2 * 4 + 3


def test_the_table_holds_every_trial_with_its_settings_and_scores(tmp_path):
    write_results(swept(tmp_path), RUN, "pooled_rank")
    table = pq.read_table(tmp_path / "trials.parquet").to_pydict()
    assert table["state"] == ["finished"] * 3 + ["stopped", "failed"]
    assert table["setting.learning_rate"] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert table["setting.n_neighbors"] == [None] * 5
    assert table["score.nmi"] == [0.6, 0.9, 0.8, None, None]
    assert table["seconds"] == [61.0, 61.0, 61.0, 1.0, None]
    assert table["error"][4] == "ValueError: no"


def test_a_sweep_in_which_no_training_helped_says_so_and_how_it_ranks(tmp_path):
    ledger = swept(tmp_path)
    assert notes(ledger.rows(), "pooled_rank") == []
    for number in range(3):
        ledger.write_outcome(number, ledger.outcome(number) | {"helped": False, "predictability": 0.1 * number})
    useless, ranked = notes(ledger.rows(), "pooled_rank")
    assert useless == "No finished trial's training helped: train longer, or try other settings."
    assert ranked == "Here pooled_rank ranks them by how well their clusters can be predicted from the pixels."
    assert notes(ledger.rows(), "nmi") == [useless]
    write_results(ledger, RUN, "pooled_rank")
    assert f"{useless} {ranked}" in html.unescape((tmp_path / "sweep.html").read_text())
    table = pq.read_table(tmp_path / "trials.parquet").to_pydict()
    assert table["helped"] == [False, False, False, None, None]
    assert table["predictability"] == [0.0, 0.1, 0.2, None, None]


def test_settings_of_several_kinds_become_text(tmp_path):
    kinds = (None, "resnet18", 3)
    rows = [row | {"settings": {"trunk": kind}} for row, kind in zip(swept(tmp_path).rows(), kinds, strict=False)]
    assert trials_table(rows)["setting.trunk"].to_pylist() == [None, "resnet18", "3"]


def test_a_score_that_ranks_trials_as_nmi_does_has_the_correlation_one(tmp_path):
    table = {row["score"]: row for row in rank_agreement(swept(tmp_path).rows())}
    assert table["pooled_rank"]["nmi"] == pytest.approx(1.0)
    assert table["agreement"]["nmi"] == pytest.approx(-1.0)
    assert table["pooled_rank"]["trials"] == 3


def test_nothing_is_said_of_ranks_where_no_labels_are_known(tmp_path):
    rows = swept(tmp_path).rows()
    for row in rows:
        row["scores"].pop("nmi", None)
    assert rank_agreement(rows) == []


def test_lines_stand_below_their_header(tmp_path):
    rows = swept(tmp_path).rows()
    names = list(rows[0]["settings"])
    above, below = header(names, "pooled_rank"), line(rows[1], names)
    assert len(above) == len(below)
    assert below.split() == ["1", "finished", "0.7000", "0.900", "0.2", "1", "min", "01", "s"]
    assert line(rows[4], names).endswith("ValueError: no")


def test_before_any_trial_is_finished_there_is_no_best(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan([{"learning_rate": 0.1}])
    write_results(ledger, RUN, "pooled_rank")
    assert best_row(ledger.rows()) is None
    assert not (tmp_path / "best.json").exists()
