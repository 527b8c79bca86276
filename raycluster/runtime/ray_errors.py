"""Errors of Ray, brought back to what caused them."""

from __future__ import annotations

import contextlib
from typing import Any

from ray.exceptions import RayTaskError

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime.run_dir import RunDir

# What a second try would meet again. Not among them are deaths of processes and the errors that these cause in the
# other workers: RuntimeError from torch's collectives and OSError from connections.
MISTAKES = (UserError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, ImportError)


def explained(error: BaseException, run_dir: RunDir, logs: str) -> Exception:
    """Return what lies at the bottom of an error of Ray Train, as something to be read."""
    cause = root_cause(error)
    if isinstance(cause, UserError):
        return cause
    story = run_dir.error_log if run_dir.error_log.exists() else logs
    first = (str(cause).strip() or "no message").splitlines()[0]
    return TrainingFailed(
        f"Training failed with {type(cause).__name__}: {first}\nThe whole story is in {story}; the same command "
        "continues from the last checkpoint."
    )


def root_cause(error: BaseException) -> BaseException:
    """Return the exception that Ray has wrapped, perhaps several times; a mistake rather than what it led to."""
    inner: Any = error.cause if isinstance(error, RayTaskError) else getattr(error, "controller_failure", None)
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    if failures:
        causes = [root_cause(failure) for failure in failures.values()]
        return next((cause for cause in causes if isinstance(cause, MISTAKES)), causes[0])
    return root_cause(inner) if isinstance(inner, BaseException) else error


def dead_ray_process() -> str | None:
    """Return the name of a process of the private Ray that has died; Ray itself would abort without a sentence."""
    with contextlib.suppress(AttributeError):  # private to Ray; None where the cluster is not this process's own
        from ray._private.worker import _global_node

        return next((name for name, _ in _global_node.dead_processes() if name in ("raylet", "gcs_server")), None)
    return None
