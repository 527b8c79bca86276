"""Folders and files on this machine that stand in for an address elsewhere: users see the address in their place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from raycluster.errors import TrainingFailed, UserError


class _Place(NamedTuple):
    address: str
    deliver: Callable[[], object]


_PLACES: dict[str, _Place] = {}


@contextlib.contextmanager
def standing_in(path: Path, address: str, deliver: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Let a folder or a file stand in for an address; errors from inside name the address.

    Parameters
    ----------
    path : Path
    address : str
    deliver : callable
        Brings everything to the address.
    """
    _PLACES[str(path)] = _Place(address, deliver)
    try:
        yield
    except (UserError, TrainingFailed) as error:
        error.args = (shown(str(error)),)
        raise
    except OSError as error:
        if isinstance(error.filename, str):
            error.filename = shown(error.filename)
        raise
    finally:
        del _PLACES[str(path)]


def shown(text: str) -> str:
    """Return a text with addresses in place of what stands in for them."""
    for path, place in list(_PLACES.items()):
        text = text.replace(path, place.address)
    return text


def deliver(path: Path) -> None:
    """Bring changes to where they belong before they are announced, if what they are in stands in for an address."""
    for known, place in list(_PLACES.items()):
        if path.is_relative_to(known):
            place.deliver()
