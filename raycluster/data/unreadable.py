"""What becomes of an input that is not a readable image: an exception while it is read, a row of the report after."""

from __future__ import annotations

import re
from typing import NamedTuple

# How the reason begins when the content is not at fault: such files are tried again the next time.
UNREACHABLE = "cannot be read for now: "
# What decoders add to their messages, and what differs from file to file.
_POSITION = re.compile(r" \((\d+ bytes not processed|points to file position \d+)\)")


class Unreadable(Exception):
    """One image or file that cannot be read or decoded; the message is the reason, in plain words."""


def message_of(error: Exception) -> str:
    """Return what an error says in one line, or its kind if it says nothing.

    Byte counts are left out, so that files with the same damage have the same reason and are counted together.
    """
    text = "".join(sign if sign.isprintable() else " " for sign in str(error))
    return _POSITION.sub("", " ".join(text.split())).rstrip(" .:") or type(error).__name__


class Rejected(NamedTuple):
    """An input row that did not become a result, and why."""

    path: str
    reason: str
