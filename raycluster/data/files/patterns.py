"""Patterns of file names: wildcards as in a shell, ``**`` for any folders, and braces."""

from __future__ import annotations

import fnmatch
import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from raycluster.errors import UserError

WILDCARDS = "*?["
BRACES = re.compile(r"\{([^{}]*,[^{}]*|-?\d+\.\.-?\d+)\}")
MAX_ALTERNATIVES = 1_000_000


@dataclass(frozen=True)
class Patterns:
    """Patterns that select files below a folder; everything inside a folder that matches is selected too.

    Attributes
    ----------
    alternatives : tuple of tuple of str
        Each pattern part by part, without braces. The empty pattern selects everything.
    """

    alternatives: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, pattern: str) -> Patterns:
        """Return a pattern relative to a folder, with its braces expanded."""
        return cls(tuple(tuple(one.split("/")) for one in expand_braces(pattern)))

    @cached_property
    def names(self) -> dict[tuple[str, ...], None]:
        """The alternatives that have no wildcards, and so name one file or folder each, in their order."""
        return {one: None for one in self.alternatives if not any(map(has_wildcard, one))}

    @cached_property
    def _wild(self) -> list[tuple[str, ...]]:
        return [one for one in self.alternatives if one not in self.names]

    @cached_property
    def _folders_of_names(self) -> set[tuple[str, ...]]:
        return {one[:length] for one in self.names for length in range(len(one))}

    def select(self, name: str) -> bool:
        """Return whether a file is selected."""
        path = tuple(name.split("/"))
        if self.names and self.named_by(path) is not None:
            return True
        return any(_matches(path, pattern) for pattern in self._wild)

    def named_by(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the alternative without wildcards that names a file, or a folder that it is in."""
        return next((path[:i] for i in range(len(path) + 1) if path[:i] in self.names), None)

    def may_select_inside(self, folder: str) -> bool:
        """Return whether files inside a folder can be selected."""
        path = tuple(part for part in folder.split("/") if part not in ("", "."))
        if path in self._folders_of_names or self.named_by(path) is not None:
            return True
        return any(_may_match_inside(path, pattern) for pattern in self._wild)


EVERYTHING = Patterns(((),))
NOTHING = Patterns(())


def has_wildcard(text: str) -> bool:
    """Return whether a path contains wildcards."""
    return any(sign in text for sign in WILDCARDS)


def first_wildcard(parts: list[str]) -> int:
    """Return the index of the first part of a path with wildcards or braces, or the number of parts."""
    return next((i for i, part in enumerate(parts) if has_wildcard(part) or "{" in part), len(parts))


def split_pattern(path: str, exists: Callable[[str], bool]) -> tuple[str, str]:
    """Split a path into the folder where its pattern begins, and the pattern; it is empty if there is none.

    A part with wildcards is taken literally where a file or folder of exactly that name exists.
    """
    parts = path.split("/")
    start = first_wildcard(parts)
    while start < len(parts) and exists("/".join(parts[: start + 1])):
        start += 1 + first_wildcard(parts[start + 1 :])
    return "/".join(parts[:start]), "/".join(parts[start:])


def expand_braces(pattern: str) -> list[str]:
    """Return the alternatives of a pattern with braces, such as ``{a,b}.tar`` or ``{000..010}.tar``.

    Raises
    ------
    UserError
        If there are more than a million of them.
    """
    pieces = BRACES.split(pattern)
    texts, bodies = pieces[::2], [_choices(body) for body in pieces[1::2]]
    if math.prod(map(len, bodies)) > MAX_ALTERNATIVES:
        raise UserError(f"The braces in {pattern} stand for more than {MAX_ALTERNATIVES:,} names: use a wildcard (*).")
    return [
        texts[0] + "".join(choice + text for choice, text in zip(chosen, texts[1:], strict=True))
        for chosen in itertools.product(*bodies)
    ]


def _choices(body: str) -> Sequence[str]:
    """Return what a pair of braces stands for; numbers get the leading zeros of the first or last one."""
    if "," in body:
        return body.split(",")
    first, last = body.split("..")
    has_zeros = any(len(text) > 1 and text.lstrip("-").startswith("0") for text in (first, last))
    width = max(len(first), len(last)) if has_zeros else 0
    step = 1 if int(last) >= int(first) else -1
    numbers = range(int(first), int(last) + step, step)[: MAX_ALTERNATIVES + 1]
    return [f"{number:0{width}}" for number in numbers]


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Match a path part by part; everything inside a folder that matches belongs to it."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(path[i:], pattern[1:]) for i in range(len(path)))
    return bool(path) and _fits(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def _may_match_inside(folder: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not folder or not pattern or pattern[0] == "**":
        return True
    return _fits(folder[0], pattern[0]) and _may_match_inside(folder[1:], pattern[1:])


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatch.fnmatchcase(name, pattern)
