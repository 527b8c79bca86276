"""Errors of Ray, traced to their cause and put into words."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from raycluster.errors import TrainingFailed, UserError

# What a second try would run into again. Deaths of processes are not among them, nor the errors that these cause in the
# other workers: RuntimeError from torch's collectives and OSError from connections.
MISTAKES = (UserError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, ImportError)


def root_cause(error: BaseException) -> BaseException:
    """Return the exception that Ray has wrapped, perhaps several times; a mistake rather than what it led to."""
    from ray.exceptions import RayTaskError  # not above: the environment has to be set before Ray is imported

    inner: Any = error.cause if isinstance(error, RayTaskError) else getattr(error, "controller_failure", None)
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    if failures:
        causes = [root_cause(failure) for failure in failures.values()]
        return next((cause for cause in causes if isinstance(cause, MISTAKES)), causes[0])
    return root_cause(inner) if isinstance(inner, BaseException) else error


def explain(
    error: BaseException, activity: str, log: str | Path, clear: tuple[type[BaseException], ...] = (UserError,)
) -> Exception:
    """Return the cause of an error of Ray, in a sentence that says where to read more and what to do.

    Parameters
    ----------
    error : BaseException
    activity : str
        What failed, such as ``Training``.
    log : path-like
        Where the details are.
    clear : tuple of type
        Causes that speak for themselves, and are returned as they are.
    """
    cause = root_cause(error)
    if isinstance(cause, clear) and isinstance(cause, Exception):
        return cause
    first = (str(cause).strip() or "no message").splitlines()[0]
    return TrainingFailed(
        f"{activity} failed with {type(cause).__name__}: {first}\nDetails are in {log}; the same command continues "
        "where it stopped."
    )


def dead_ray_process() -> str | None:
    """Return the name of a process of the private Ray that has died; Ray itself would abort without a sentence."""
    with contextlib.suppress(AttributeError):  # private to Ray; None where the cluster is not this process's own
        from ray._private import worker

        node: Any = worker._global_node
        return next((name for name, _ in node.dead_processes() if name in ("raylet", "gcs_server")), None)
    return None
