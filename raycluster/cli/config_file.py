"""Settings in a file, JSON or YAML, as a sweep leaves them: read into flags, so that flags after them come first."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from raycluster.errors import UserError
from raycluster.runtime.run_dir import RENAMED

OTHERS = ("method", "preset")


def given_config(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Return the file that ``--config`` names, if it does, and the other arguments."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config")
    found, others = parser.parse_known_args(arguments)
    return found.config, others


def read_config(path: str, method: str | None = None) -> dict[str, Any]:
    """Read a file of settings, one value a name.

    Parameters
    ----------
    path : str
        JSON or YAML.
    method : str, optional
        The method that was asked for: a file for another is refused.

    Raises
    ------
    UserError
        If it cannot be read, holds something else, or is for another method.
    """
    import yaml

    try:
        config = yaml.safe_load(Path(path).expanduser().read_text())  # JSON is YAML, but for 1e-05, a text there
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"--config {path} cannot be read as JSON or YAML: {reason}.") from None
    if not isinstance(config, dict):
        raise UserError(f"--config {path} holds no settings by name: write one a line, such as unroll_rate: 0.5.")
    if method and config.get("method", method) != method:
        raise UserError(f"--config {path} holds settings of {config['method']}, not of {method}: leave out {method}.")
    return config


def as_flags(config: dict[str, Any], kinds: tuple[type, ...]) -> list[str]:
    """Return settings as words of a command line, so that they are checked as such.

    Parameters
    ----------
    config : dict
    kinds : tuple of type
        The dataclasses whose fields are the flags.

    Raises
    ------
    UserError
        If a name is no field of them.
    """
    known = [field.name for kind in kinds for field in dataclasses.fields(kind)]
    words = []
    for key, value in config.items():
        name = str(key).replace("-", "_")
        name = RENAMED.get(name, name)
        if name == "method":
            continue
        if name not in (*known, *OTHERS):
            raise UserError(f"The config file has {key!r}, which is no setting here: choose among {', '.join(known)}.")
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *map(str, value if isinstance(value, list) else [value])]
    return words
