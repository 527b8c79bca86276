"""The methods, one folder each: settings, training loop, network, losses, augmentation, search space and health."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from raycluster.errors import UserError

if TYPE_CHECKING:
    from raycluster.methods.base import Method

METHODS = {
    "jule": "raycluster.methods.jule",
    "dccm": "raycluster.methods.dccm",
    "concurl": "raycluster.methods.concurl",
}


def find_method(name: str) -> Method:
    """Return the method with this name.

    Raises
    ------
    UserError
        If there is no such method.
    """
    if name not in METHODS:
        raise UserError(f"There is no method {name!r}: choose one of {', '.join(METHODS)}.")
    method: Method = importlib.import_module(METHODS[name]).METHOD
    return method
