import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.train import ControllerError, WorkerGroupError

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime.ray_errors import explained, root_cause
from raycluster.runtime.run_dir import RunDir
from raycluster.training.fit import StopOnMistakes

DEATH, COLLATERAL = ActorDiedError(), RuntimeError("Connection closed by peer")


def test_the_cause_is_found_under_what_ray_wraps_around_it():
    mistake = UserError("too few images")
    task_error = RayTaskError("run", "traceback", mistake)
    assert root_cause(mistake) is mistake
    assert root_cause(task_error) is mistake
    assert root_cause(ControllerError(WorkerGroupError("text", {0: COLLATERAL, 1: task_error}))) is mistake
    assert root_cause(WorkerGroupError("text", {0: DEATH, 1: COLLATERAL})) is DEATH


def test_mistakes_end_the_run_and_deaths_do_not():
    stop = StopOnMistakes()
    stop.after_exception(None, {0: DEATH, 1: COLLATERAL, 2: OSError("reset")})
    for mistake in (UserError("no"), ValueError("no"), KeyError("no"), ImportError("no")):
        with pytest.raises(type(mistake)):
            stop.after_exception(None, {0: COLLATERAL, 1: mistake})


def test_errors_are_told_in_a_sentence_with_the_place_of_the_story(tmp_path):
    run_dir = RunDir(tmp_path)
    user_error = UserError("choose fewer")
    assert explained(ControllerError(user_error), run_dir, "logs") is user_error
    error = explained(WorkerGroupError("text", {0: RuntimeError("out of memory\nand more")}), run_dir, "/ray/logs")
    assert isinstance(error, TrainingFailed)
    assert str(error).startswith("Training failed with RuntimeError: out of memory\nThe whole story is in /ray/logs;")
    run_dir.error_log.write_text("traceback")
    assert str(run_dir.error_log) in str(explained(DEATH, run_dir, "/ray/logs"))
