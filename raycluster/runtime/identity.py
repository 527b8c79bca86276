"""The identity of a result: everything that decides its content, by the names of settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between an identity that was stored as JSON and another one.

    A setting that one of them does not mention is not set there: it has its default.
    """
    now = json.loads(json.dumps(now))
    return [name for name in dict.fromkeys([*now, *before]) if before.get(name) != now.get(name)]
