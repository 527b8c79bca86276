"""The methods, a folder each: settings, training loop, network, losses, augmentation, search space and health."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from raycluster.errors import UserError

if TYPE_CHECKING:
    from raycluster.methods.description import Method

METHODS = {
    "jule": "raycluster.methods.jule",
    "dccm": "raycluster.methods.dccm",
    "concurl": "raycluster.methods.concurl",
}


def find_method(name: str) -> Method:
    """Return a method by its name.

    Raises
    ------
    UserError
        If there is none of this name.
    """
    if name not in METHODS:
        raise UserError(f"There is no method {name!r}: choose one of {', '.join(METHODS)}.")
    method: Method = importlib.import_module(METHODS[name]).METHOD
    return method
