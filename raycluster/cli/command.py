"""What a command is: its help, its flags, and its work."""

from __future__ import annotations

import functools
import operator
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import tyro

from raycluster.cli.config_file import as_flags, read_config, take
from raycluster.cli.tyro_form import Flag, flags_of, form, values_of
from raycluster.methods import METHODS, find_method
from raycluster.methods.base import Method
from raycluster.options import DEFAULT_METHOD
from raycluster.runtime.console import Console

Values = dict[str, Any]

QUIET = Flag("", "quiet", bool, "Print only errors and warnings.", False)
CONFIG = Flag("", "config", str | None, "A JSON or YAML file of options, such as best.json of a sweep.", None)
PRESET = "Settings to start from; --config and flags override them."
PRESET_OF_SWEEP = "Settings to start from; some are varied, and --fixed overrides others."


def summary_of(method: Method) -> str:
    """Return the summary of a method as lines that keep their place in help."""
    return textwrap.fill(f"{method.summary}.", 79, subsequent_indent="  ")


@dataclass(frozen=True)
class Command:
    """A command of ``raycluster``.

    Attributes
    ----------
    name : str
    summary : str
        One line, for the list of commands.
    about : str
        What stands above the flags in its help. A line keeps its place if it is indented or follows an empty one.
    stopped : str
        What to say when it is stopped from outside.
    options : type
        The dataclass of its options.
    run : callable
        ``run(values, console)`` does the work: values of the flags by name, and what shows progress and results.
    positional : str, optional
        The option whose value is given without its name.
    """

    name: str
    summary: str
    about: str
    stopped: str
    options: type[Any]
    run: Callable[[Values, Console], object]
    positional: str | None = field(default=None, kw_only=True)

    def expand(self, words: list[str]) -> list[str]:
        """Return the words of a command line as they are parsed."""
        return words

    def tree(self, words: list[str]) -> Any:
        """Return the type that tyro parses the words into."""
        return form(self.name, [*flags_of(self.options), QUIET], self.positional)

    def values(self, parsed: Any) -> Values:
        """Return the values of the flags by name."""
        return values_of(parsed)


@dataclass(frozen=True)
class MethodCommand(Command):
    """A command with a subcommand for each method; the value ``method`` says which.

    Attributes
    ----------
    about_method : callable
        Takes a method, and returns what stands above the flags in the help of its subcommand.
    with_settings : bool
        Whether the settings of the method are flags; a file given by ``--config`` can then hold them, too.
    """

    about_method: Callable[[Method], str]
    with_settings: bool

    def expand(self, words: list[str]) -> list[str]:
        """Name the method if it is not, and put what a ``--config`` file holds before the flags, which override it."""
        if words[1:2] in (["-h"], ["--help"]):
            return words
        path, others = take("--config", words) if self.with_settings else (None, words)
        asked = others[1] if others[1:] and not others[1].startswith("-") else None
        config = read_config(path, asked) if path else {}
        method = asked or config.get("method", DEFAULT_METHOD)
        flags = as_flags(config, (self.options, find_method(method).settings)) if config else []
        return [self.name, method, *flags, *others[2 if asked else 1 :]]

    def tree(self, words: list[str]) -> Any:
        """Return the type that tyro parses the words into: a union of the methods."""
        asked = words[1] if words[1:] and words[1] in METHODS else None
        preset = take("--preset", words)[0]
        leaves = []
        for name in METHODS:
            method = find_method(name)
            given = preset if name == asked and preset in method.presets else "default"
            about = self.about_method(method) if name == asked else method.summary
            choice = tyro.conf.subcommand(name, description=about, is_default=name == DEFAULT_METHOD)
            leaves.append(Annotated[form(name, self._flags(name, method, given)), choice])
        return functools.reduce(operator.or_, leaves)

    def values(self, parsed: Any) -> Values:
        """Return the values of the flags by name, and the name of the method."""
        return values_of(parsed) | {"method": type(parsed).__name__}

    def _flags(self, name: str, method: Method, preset: str) -> list[Flag]:
        names = Literal[tuple(method.presets)]  # type: ignore[valid-type]
        common = [*flags_of(self.options), QUIET]
        if not self.with_settings:
            return [*common, Flag("", "preset", names, PRESET_OF_SWEEP, preset)]
        settings = flags_of(method.settings, name, method.presets[preset])
        return [*common, Flag("", "preset", names, PRESET, preset), CONFIG, *settings]
