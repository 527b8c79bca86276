import time
from types import SimpleNamespace

import pytest

from raycluster.methods import find_method
from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.progress_callback import ProgressCallback
from raycluster.training.trainer import TrainingRun

RUN = TrainingRun(find_method("jule"), JuleSettings(), "digits", 10, "")


class Trial(SimpleNamespace):
    """What a teller looks at of Ray Tune's trials."""

    error = None

    def get_error(self):
        return self.error

    def __str__(self):
        return f"{self.number:04d}"


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan([{"margin": 0.1}, {"margin": 0.2}])
    return ledger


def teller(ledger, scheduler="none", deadline=None):
    said = []
    return ProgressCallback(ledger, RUN, "balance", scheduler, deadline, said.append), said


def test_a_finished_trial_is_told_and_written_down(ledger):
    ledger.write_outcome(0, {"state": "finished", "objective": 0.5, "scores": {}, "seconds": 1.0, "epochs": 2})
    hearer, said = teller(ledger)
    hearer.on_trial_complete(0, [], Trial(number=0, last_result={}))
    assert said[0].endswith("best so far")
    assert (ledger.path / "best.json").exists()


def test_a_trial_that_the_scheduler_stopped_is_noted_with_its_last_objective(ledger):
    hearer, said = teller(ledger, "asha")
    hearer.on_trial_complete(0, [], Trial(number=1, last_result={"objective": 0.3, "epochs": 4, "time_total_s": 2.0}))
    assert ledger.outcome(1) == {"state": "stopped", "objective": 0.3, "epochs": 4, "seconds": 2.0}
    assert "stopped" in said[0]


def test_a_trial_that_the_time_budget_stopped_is_left_to_be_continued(ledger):
    hearer, said = teller(ledger, "asha", deadline=time.monotonic() - 1)
    hearer.on_trial_complete(0, [], Trial(number=1, last_result={"objective": 0.3}))
    assert ledger.outcome(1) is None
    assert said == []


def test_without_a_scheduler_a_trial_that_left_nothing_was_not_stopped_and_is_tried_again(ledger):
    hearer, said = teller(ledger)
    hearer.on_trial_complete(0, [], Trial(number=1, last_result={"objective": 0.3}))
    assert ledger.to_do(2) == [0, 1]
    assert said == []


def test_a_trial_that_could_not_reach_the_folder_is_noted_with_the_sentence(ledger):
    hearer, _ = teller(ledger)
    story = "Traceback\n  line\nraycluster.errors.UserError: /a does not exist on machine 10.0.0.2: choose\n\n"
    hearer.on_trial_error(0, [], Trial(number=0, error=story))
    assert "UserError: /a does not exist on machine 10.0.0.2" in ledger.outcome(0)["error"]


def test_a_trial_whose_process_died_is_noted_as_failed(ledger):
    hearer, said = teller(ledger)
    hearer.on_trial_error(0, [], Trial(number=0))
    assert ledger.state(0) == "failed"
    assert said[0].endswith("its process died twice")
