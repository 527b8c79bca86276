import io
import time
from types import SimpleNamespace

import pytest
from ray import cloudpickle

from raycluster.methods import find_method
from raycluster.methods.jule.settings import JuleSettings
from raycluster.runtime.console import Console
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.progress_callback import ProgressCallback
from raycluster.training.trainer import TrainingRun

RUN = TrainingRun(find_method("jule"), JuleSettings(), "digits", 10, "")


class Trial(SimpleNamespace):
    """What the callback sees of a trial of Ray Tune."""

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


def progress_of(ledger, scheduler="none", deadline=None):
    return ProgressCallback(ledger, RUN, "nmi", scheduler, 2, deadline)


def said_by(progress):
    said = io.StringIO()
    progress.show(Console(stream=said))
    return said.getvalue().splitlines()[:-1]  # the last line is the count of trials


def test_a_finished_trial_is_shown_and_written_down(ledger, finish):
    finish(ledger, 0)
    progress = progress_of(ledger)
    progress.on_trial_complete(0, [], Trial(number=0, last_result={}))
    assert said_by(progress)[0].endswith("best so far")
    assert (ledger.path / "best.json").exists()


def test_a_trial_that_the_scheduler_stopped_is_noted_with_its_last_objective(ledger):
    progress = progress_of(ledger, "asha")
    progress.on_trial_complete(0, [], Trial(number=1, last_result={"objective": 0.3, "epochs": 4, "time_total_s": 2.0}))
    assert ledger.outcome(1) == {"state": "stopped", "objective": 0.3, "epochs": 4, "seconds": 2.0}
    assert "stopped" in said_by(progress)[0]


def test_a_trial_that_the_time_budget_stopped_is_left_to_be_continued(ledger):
    progress = progress_of(ledger, "asha", deadline=time.monotonic() - 1)
    progress.on_trial_complete(0, [], Trial(number=1, last_result={"objective": 0.3}))
    assert ledger.outcome(1) is None
    assert said_by(progress) == []


def test_without_a_scheduler_a_trial_that_left_nothing_was_not_stopped_and_is_tried_again(ledger):
    progress = progress_of(ledger)
    progress.on_trial_complete(0, [], Trial(number=1, last_result={"objective": 0.3}))
    assert ledger.to_do(2) == [0, 1]
    assert said_by(progress) == []


def test_a_trial_that_could_not_reach_the_folder_is_noted_with_the_sentence(ledger):
    progress = progress_of(ledger)
    story = "Traceback\n  line\nraycluster.errors.UserError: /a does not exist on machine 10.0.0.2: choose\n\n"
    progress.on_trial_error(0, [], Trial(number=0, error=story))
    assert "UserError: /a does not exist on machine 10.0.0.2" in ledger.outcome(0)["error"]


def test_a_trial_whose_process_died_is_noted_as_failed(ledger):
    progress = progress_of(ledger)
    progress.on_trial_error(0, [], Trial(number=0))
    assert ledger.state(0) == "failed"
    assert said_by(progress)[0].endswith("its process died twice")


def test_the_live_line_counts_trials_and_names_the_best(ledger, finish):
    progress = progress_of(ledger)
    trials = [Trial(number=0, last_result={}, status="RUNNING"), Trial(number=1, status="PENDING")]
    progress.on_step_end(0, trials)
    assert progress.describe() == "0 of 2 trials done  1 running  1 left"
    finish(ledger, 0)
    trials[0].status, trials[1].status = "TERMINATED", "RUNNING"
    progress.on_trial_complete(0, trials, trials[0])
    progress.on_step_end(0, trials)
    assert progress.describe() == "1 of 2 trials done  1 running  best nmi 0.5000 (trial 0)"
    progress.on_trial_error(0, trials, trials[1])
    trials[1].status = "ERROR"
    progress.on_step_end(0, trials)
    assert progress.describe() == "2 of 2 trials done  best nmi 0.5000 (trial 0)"


def test_a_trial_that_failed_in_an_earlier_sweep_is_left_to_be_tried_again(ledger):
    ledger.write_outcome(0, {"state": "failed", "error": "no room"})
    progress = progress_of(ledger)
    assert progress.describe() == "0 of 2 trials done  2 left"


def test_ray_tune_can_pickle_it(ledger):
    progress = progress_of(ledger)
    progress.on_trial_error(0, [], Trial(number=0))
    assert said_by(cloudpickle.loads(cloudpickle.dumps(progress))) == said_by(progress)
    assert said_by(progress) == []  # each line is shown once
