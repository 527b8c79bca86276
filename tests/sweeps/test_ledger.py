from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps.ledger import Ledger


def begun(tmp_path):
    """A sweep of four trials: one finished, one failed, one begun, one not."""
    ledger = Ledger(tmp_path)
    ledger.write_plan([{"learning_rate": rate} for rate in (0.1, 0.2, 0.3, 0.4)])
    ledger.write_outcome(0, {"state": "finished", "objective": 0.5, "scores": {"nmi": 1.0}, "seconds": 2.0})
    ledger.write_outcome(1, {"state": "failed", "error": "ValueError: no"})
    folder = ledger.trial_dir(2)
    folder.mkdir(parents=True)
    RunDir(folder).write_config({"identity": {"method": "jule", "learning_rate": 0.03, "seed": 0}})
    return ledger


def test_what_is_not_done_is_to_do_and_what_failed_is_tried_again(tmp_path):
    ledger = begun(tmp_path)
    assert [ledger.state(number) for number in range(4)] == ["finished", "failed", "begun", "waiting"]
    assert ledger.to_do(4) == [1, 2, 3]
    assert ledger.to_do(3) == [1, 2]


def test_what_is_left_counts_trials_not_planned_yet_and_none_beyond_those_asked_for(tmp_path):
    ledger = begun(tmp_path)
    assert [ledger.left(trials) for trials in (1, 3, 4, 6)] == [0, 2, 3, 5]
    assert Ledger(tmp_path / "new").left(3) == 3


def test_a_trial_goes_on_with_the_settings_that_it_has_come_to(tmp_path):
    ledger = begun(tmp_path)
    assert ledger.present_settings(2) == {"learning_rate": 0.03}
    assert ledger.present_settings(3) == {"learning_rate": 0.4}


def test_every_planned_trial_has_a_row(tmp_path):
    rows = begun(tmp_path).rows()
    assert [row["trial"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["scores"] == {"nmi": 1.0}
    assert rows[1]["error"] == "ValueError: no"
    assert rows[3]["objective"] is None
    assert rows[2]["folder"] == str(tmp_path / "trials" / "0002")


def test_another_ledger_of_the_folder_knows_the_same(tmp_path):
    assert begun(tmp_path).rows() == Ledger(tmp_path).rows()
