"""What all jobs share: sentences instead of tracebacks, and exit codes that tell how it went."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any


def run_command(work: Callable[[], Any], stopped: str) -> int:
    """Do the work of a job, and return its exit code.

    Parameters
    ----------
    work : callable
    stopped : str
        What to say when the job is stopped from outside, by Ctrl-C or SIGTERM.

    Returns
    -------
    exit_code : int
        0 complete, 2 bad call or input, 1 failed, 130 stopped by Ctrl-C; SIGTERM exits with 143, at once unless results
        have to be uploaded.
    """
    from raycluster.errors import TrainingFailed, UserError, has_no_room

    def stop(signum: int, frame: Any) -> None:
        print(stopped, file=sys.stderr)
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except TrainingFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        verb, advice = ("write", "Make room") if has_no_room(error) else ("read or write", "Fix that")
        reason = error.strerror or str(error)
        print(f"error: Cannot {verb}{where}: {reason}. {advice}, then run the same command again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130
    return 0
