"""Flags from dataclasses, in boxes: one for each class that declares some, and a last one for what only reproduces."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple

import docstring_parser
import tyro

from raycluster.reproduction_only import ONLY_TO_REPRODUCE

REPRODUCTION = "reproduction"
ABOUT = {REPRODUCTION: "Needed only to reproduce a paper or its released code."}
POSITIONAL: Any = tyro.conf.Positional  # mypy takes it for a class
NAMES = {int: "N", float: "X", str: "TEXT"}


class Flag(NamedTuple):
    """A flag of a command, and in which box of the help it stands: "" is that of ``--help``."""

    box: str
    name: str
    hint: Any
    help: str
    default: Any = dataclasses.MISSING


def flags_of(kind: type[Any], box: str = "", defaults: Any = None) -> list[Flag]:
    """Return the fields of a dataclass as flags.

    Parameters
    ----------
    kind : type
        Its own fields come first, then those that it inherits, in a box for each line of its ancestors.
    box : str
        The box of its own fields.
    defaults : dataclass, optional
        An instance with other defaults.
    """
    hints, docs = typing.get_type_hints(kind, include_extras=True), _docs(kind)
    ancestors = {field.name: _ancestor(kind, field.name) for field in dataclasses.fields(kind)}
    flags = []
    for field in sorted(dataclasses.fields(kind), key=lambda field: kind.__mro__.index(ancestors[field.name])):
        ancestor, hint = ancestors[field.name], hints[field.name]
        named_after = ancestor.__name__.removesuffix("Options").removesuffix("Settings").lower()
        where = box if ancestor is kind else named_after
        if ONLY_TO_REPRODUCE in getattr(hint, "__metadata__", ()):
            where, hint = REPRODUCTION, hint.__origin__
        default = field.default if defaults is None else getattr(defaults, field.name)
        flags.append(Flag(where, field.name, hint, docs[field.name], default))
    return flags


def form(name: str, flags: Iterable[Flag], positional: str | None = None) -> type[Any]:
    """Return the dataclass that tyro reads flags into, with another dataclass in it for each box.

    The value of the flag ``positional`` is given without its name.
    """
    boxes: dict[str, list[tuple[str, Any, Any]]] = {"": []}
    for flag in flags:
        metavar = flag.name.upper() if flag.name == positional else _metavar(flag.hint)
        about = tyro.conf.arg(help=flag.help, metavar=metavar, help_behavior_hint=_hint_of_default)
        hint: Any = Annotated[flag.hint, about]
        hint = POSITIONAL[hint] if flag.name == positional else hint
        boxes.setdefault(flag.box, []).append((flag.name, hint, dataclasses.field(default=flag.default)))
    boxes |= {REPRODUCTION: boxes.pop(REPRODUCTION)} if REPRODUCTION in boxes else {}  # the last
    fields: list[Any] = boxes.pop("")
    for box, inside in boxes.items():
        kind = dataclasses.make_dataclass(box, inside, kw_only=True)
        fields.append((box, Annotated[kind, tyro.conf.arg(help=ABOUT.get(box, ""))]))
    return dataclasses.make_dataclass(name, fields, kw_only=True)


def values_of(parsed: Any) -> dict[str, Any]:
    """Return the values of all flags by name, whatever their box."""
    values: dict[str, Any] = {}
    for name, value in vars(parsed).items():
        values |= vars(value) if dataclasses.is_dataclass(value) else {name: value}
    return values


def build(kind: type[Any], values: dict[str, Any]) -> Any:
    """Return an instance of a dataclass with those of the values that are its fields."""
    return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})


def _ancestor(kind: type, name: str) -> type:
    """Return the class itself, if it declares a field, or else the root of the line that the field is inherited from.

    What is declared in a base, and again with another default, is inherited.
    """
    first = [base for base in kind.__mro__ if name in vars(base).get("__annotations__", {})][-1]
    root: type = kind if first is kind else first.__mro__[-2]
    return root


def _docs(kind: type) -> dict[str, str]:
    """Return the sentences under the fields of a dataclass and its bases."""
    docs = {}
    for base in reversed(kind.__mro__[:-1]):
        for param in docstring_parser.parse_from_object(base).params:
            docs[param.arg_name] = " ".join((param.description or "").split())
    return docs


def _metavar(hint: Any) -> str | None:
    """Return what to write for the value of a flag: auto|folders, INT|auto, FLOAT ...; booleans take none."""
    if hint is bool:
        return None
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "|".join(map(str, members))
    if origin in (typing.Union, types.UnionType):
        return "|".join(str(_metavar(member)) for member in members if member is not types.NoneType)
    if origin is tuple:
        return " ".join("..." if member is Ellipsis else str(_metavar(member)) for member in members)
    return NAMES[hint]


def _hint_of_default(default: str) -> str:
    """Return the end of a flag's help; where nothing is set by default, the help itself says what that means."""
    return "" if default in ("None", "") else f"(default: {default})"
