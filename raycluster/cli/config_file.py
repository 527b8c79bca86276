"""Options in a file, JSON or YAML, as a sweep leaves them: read into flags, so that flags after them override them."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from raycluster.errors import UserError
from raycluster.graph.settings import RENAMED

OTHERS = ("method", "preset")


def take(flag: str, words: list[str]) -> tuple[str | None, list[str]]:
    """Return the value of a flag, if it is among the words of a command line, and the other words."""
    parser = argparse.ArgumentParser(prog="raycluster", add_help=False, allow_abbrev=False)
    parser.add_argument(flag, dest="value")
    found, others = parser.parse_known_args(words)
    return found.value, others


def renamed(words: list[str]) -> list[str]:
    """Return the words of a command line with the present names of flags that had another one in earlier versions."""
    present = {
        f"--{no}{before}".replace("_", "-"): f"--{no}{now}".replace("_", "-")
        for before, now in RENAMED.items()
        for no in ("", "no-")
    }
    return [present.get(word, word) for word in words]


def read_config(path: str, method: str | None = None) -> dict[str, Any]:
    """Read a file of options, one value for each name.

    Parameters
    ----------
    path : str
        JSON or YAML.
    method : str, optional
        The method on the command line; a file for another one is an error.

    Raises
    ------
    UserError
        If it cannot be read, holds something else, or is for another method.
    """
    import yaml

    try:
        config = yaml.safe_load(Path(path).expanduser().read_text())  # JSON is YAML, except for 1e-05, a string there
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"--config {path} cannot be read as JSON or YAML: {reason}.") from None
    if not isinstance(config, dict):
        raise UserError(f"--config {path} holds no options by name: write one on each line, such as unroll_rate: 0.5.")
    if method and config.get("method", method) != method:
        raise UserError(f"--config {path} holds settings of {config['method']}, not of {method}: leave out {method}.")
    return config


def as_flags(config: dict[str, Any], kinds: tuple[type, ...]) -> list[str]:
    """Return options as words of a command line, so that they are checked like those.

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
            raise UserError(
                f"The config file has {key!r}, which is not an option: choose among {', '.join(sorted(known))}."
            )
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *map(str, value if isinstance(value, list) else [value])]
    return words
