"""Output paths, made absolute."""

from __future__ import annotations

import os
from pathlib import Path


def under_job_submit() -> bool:
    """Return whether ``ray job submit`` started this process, in an unpacked copy of the working folder."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def absolute_out(out: str) -> Path:
    """Return the folder for results as an absolute path.

    Under ``ray job submit``, the working folder is a copy that is thrown away; relative paths are taken from
    ``~/raycluster-runs`` there.
    """
    folder = Path.home() / "raycluster-runs" if under_job_submit() else Path.cwd()
    return Path(os.path.abspath(folder / Path(out).expanduser()))
