import errno

from ray.exceptions import ActorDiedError, RayTaskError
from ray.train import ControllerError, WorkerGroupError

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime.ray_errors import explain, root_cause

DEATH, COLLATERAL = ActorDiedError(), RuntimeError("Connection closed by peer")


def test_the_cause_is_found_under_what_ray_wraps_around_it():
    mistake = UserError("too few images")
    task_error = RayTaskError("run", "traceback", mistake)
    assert root_cause(mistake) is mistake
    assert root_cause(task_error) is mistake
    assert root_cause(ControllerError(WorkerGroupError("text", {0: COLLATERAL, 1: task_error}))) is mistake
    assert root_cause(WorkerGroupError("text", {0: DEATH, 1: COLLATERAL})) is DEATH


def test_errors_become_a_sentence_that_says_where_the_details_are():
    user_error, full = UserError("choose fewer"), OSError("no space left")
    assert explain(ControllerError(user_error), "Training", "logs") is user_error
    assert explain(RayTaskError("write", "traceback", full), "Embedding", "logs", (UserError, OSError)) is full
    no_room = OSError(errno.ENOSPC, "No space left on device", "checkpoints/000001")
    failed = WorkerGroupError("text", {0: DEATH, 1: RayTaskError("write", "traceback", no_room)})
    assert explain(failed, "Training", "logs") is no_room
    error = explain(WorkerGroupError("text", {0: RuntimeError("out of memory\nand more")}), "Training", "/ray/logs")
    assert isinstance(error, TrainingFailed)
    assert str(error) == (
        "Training failed with RuntimeError: out of memory\nThe details are in /ray/logs. Run the same command again to "
        "continue."
    )
