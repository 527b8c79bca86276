"""Errors from Ray, traced to their cause and put into words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from raycluster.errors import TrainingFailed, UserError, has_no_room

# Errors that a second attempt would run into again. The death of a process is not one of them, nor are the errors that
# it causes in other workers: RuntimeError from torch's collectives, and OSError from connections.
MISTAKES = (UserError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, ImportError)


def is_lasting(error: BaseException) -> bool:
    """Return whether a second attempt would run into the same error: a mistake, or a disk without room."""
    return isinstance(error, MISTAKES) or has_no_room(error)


def root_cause(error: BaseException) -> BaseException:
    """Return the exception that Ray wrapped, maybe more than once; a lasting one rather than its consequences."""
    from ray.exceptions import RayTaskError  # here, because the environment has to be set before Ray is imported

    inner: Any = error.cause if isinstance(error, RayTaskError) else getattr(error, "controller_failure", None)
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    if failures:
        causes = [root_cause(failure) for failure in failures.values()]
        return next((cause for cause in causes if is_lasting(cause)), causes[0])
    return root_cause(inner) if isinstance(inner, BaseException) else error


def explain(
    error: BaseException, activity: str, log: str | Path, clear: tuple[type[BaseException], ...] = (UserError,)
) -> Exception:
    """Return the cause of an error from Ray, in a sentence that says where the details are and what to do.

    Parameters
    ----------
    error : BaseException
    activity : str
        What failed, such as ``Training``.
    log : path-like
        Where the details are.
    clear : tuple of type
        Causes that need no explanation, and are returned as they are; a disk without room is another one.
    """
    cause = root_cause(error)
    if isinstance(cause, Exception) and (isinstance(cause, clear) or has_no_room(cause)):
        return cause
    first = (str(cause).strip() or "no message").splitlines()[0]
    return TrainingFailed(
        f"{activity} failed with {type(cause).__name__}: {first}\nThe details are in {log}. Run the same command again "
        "to continue."
    )
