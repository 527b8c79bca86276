"""What becomes of an input that is not a readable image: an exception while it is read, a row of the report after."""

from __future__ import annotations

from typing import NamedTuple

# How the reason begins when the content is not at fault: such files are tried again the next time.
UNREACHABLE = "cannot be read for now: "


class Unreadable(Exception):
    """One image or file that cannot be read or decoded; the message is the reason, in plain words."""


class Rejected(NamedTuple):
    """An input row that did not become a result, and why."""

    path: str
    reason: str
