import errno
import os
import signal

import pytest

from raycluster.cli.exit_codes import run_command
from raycluster.errors import TrainingFailed, UserError


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("Name a folder."), 2, "error: Name a folder.\n"),
        (TrainingFailed("It broke."), 1, "error: It broke.\n"),
        (KeyboardInterrupt(), 130, "Stopped here.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x.parquet"),
            1,
            "error: Cannot write x.parquet: No space left on device. Make room, then run the same command again.\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "part-0"),
            1,
            "error: Cannot read or write part-0: Permission denied. Fix that, then run the same command again.\n",
        ),
    ],
)
def test_errors_become_sentences_and_exit_codes(error, code, said, capsys):
    assert run_command(raising(error), "Stopped here.") == code
    assert capsys.readouterr().err == said


def test_work_that_is_done_is_0():
    assert run_command(lambda: None, "Stopped here.") == 0


def test_sigterm_is_told_and_exits_with_143(capsys):
    with pytest.raises(SystemExit) as exit_:
        run_command(lambda: os.kill(os.getpid(), signal.SIGTERM), "Stopped here.")
    assert exit_.value.code == 143
    assert capsys.readouterr().err == "Stopped here.\n"


def test_a_mistake_of_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_command(raising(ZeroDivisionError()), "Stopped here.")
