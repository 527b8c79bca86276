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
    """Upload results before they are announced, if the path stands in for an address."""
    if place := _PLACES.get(str(path)):
        place.deliver()


def check_one_machine(path: Path, machines: int) -> None:
    """Raise :class:`UserError` if a folder stands in for an address, and other machines would have to write to it."""
    place = _PLACES.get(str(path))
    if place and machines > 1:
        raise UserError(
            f"--out {place.address}: one machine alone can write to a URI, and this cluster has {machines}. Choose a "
            "folder that all machines share, or unset RAY_ADDRESS to work on this machine alone."
        )
