"""A shell script that moves images into the folders of their clusters, for whoever wants to read it before."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

MOVE = "move.sh"
BEGINNING = """#!/bin/sh
# Moves images into a folder for each cluster, beside this script. Nothing is overwritten: what cannot be moved stays
# where it is, and is named. Run again, it moves what is left.
cd -- "$(dirname -- "$0")" || exit 1
status=0
move() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then
        [ -e "$2" ] || { printf 'not there any more: %s\\n' "$1" >&2; status=1; }
    elif [ -e "$2" ] || [ -L "$2" ]; then
        printf 'another file has its place: %s\\n' "$1" >&2; status=1
    else
        mkdir -p -- "$(dirname -- "$2")" && mv -- "$1" "$2" || status=1
    fi
}
"""


def move_script(moves: Iterable[tuple[str, str]]) -> str:
    """Return the script.

    Parameters
    ----------
    moves : iterable of (str, str)
        The absolute path of an image, and where it goes, relative to the script.
    """
    lines = [f"move {shlex.quote(source)} {shlex.quote(os.path.join('.', target))}" for source, target in moves]
    return "\n".join([BEGINNING, *lines, "exit $status", ""])
