"""In which order changes of a run folder reach its copy, so that the copy can be continued after each of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from raycluster.runtime.run_dir import LOCK, REJECTED, STAGED

CONFIG, SUMMARY, STATE = "config.json", "summary.json", "state.json"
OUTCOMES = "outcomes/"  # of a sweep: how its trials ended
# A clustering that grows keeps its former clusters here, and then removes its summary.
BEFORE = "assignments-before.parquet"
EXPORT = "raycluster.json"  # whose the folder is, and in the end that it is complete: there is always one
FIRST = (REJECTED, CONFIG)  # a run that has begun has both
# What is made again where it is missing: prepared images, and what Ray keeps while it works.
PASSING = re.compile(rf"(trials/\d+/)?({STAGED}|checkpoints/ray|tune)/")
PARTIAL = re.compile(r"\.[0-9a-f]{8}\.partial(/|$)|/\d{6}\.partial/")
BATCH = 64
CHECKPOINT = re.compile(r"(?:^|.*/)checkpoints/[^/]+/\d{6}/(?P<file>[^/]+)")


class Change(NamedTuple):
    """A file that is to be written (``put``) or removed (``remove``)."""

    what: Literal["put", "remove"]
    name: str


def is_kept(name: str, of_export: bool = False) -> bool:
    """Return whether a file of a run folder, or of an export, is one that outlasts a job."""
    if name.rpartition("/")[2].startswith(LOCK) or PARTIAL.search(name):
        return False
    return of_export or not PASSING.match(name)


def seals(name: str) -> Literal["", "checkpoint", "trial", "outcome", "run", "export"]:
    """Return what is complete where a file exists, if it is one of those that are written last."""
    path, checkpoint = PurePosixPath(name), CHECKPOINT.fullmatch(name)
    if checkpoint and checkpoint["file"] == STATE:
        return "checkpoint"
    if name.startswith(OUTCOMES):
        return "outcome"
    if name == EXPORT:
        return "export"
    return ("trial" if "/" in name else "run") if path.name == SUMMARY else ""


def changes(changed: Collection[str], gone: Collection[str], there: Collection[str]) -> list[Change]:
    """Return what has to be done, in order.

    A file that seals others comes after them, and goes before they change. Only checkpoints stay until newer ones have
    come, unless the settings of the run change with them, as in population-based training.

    Parameters
    ----------
    changed : collection of str
        The files of the run that its copy does not have, or in another version.
    gone : collection of str
        The files of the copy that the run does not have.
    there : collection of str
        All files of the copy.
    """
    with_other_settings = tuple(
        name.removesuffix(CONFIG) for name in changed if name in there and PurePosixPath(name).name == CONFIG
    )
    broken = {name for name in changed if name in there and seals(name) not in ("", "export")}
    broken |= {name for name in gone if seals(name) not in ("", "checkpoint", "export")}
    broken |= {name for name in gone if seals(name) == "checkpoint" and name.startswith(with_other_settings)}
    bodies = [name for name in changed if not seals(name) and name != BEFORE]
    left = [name for name in gone if name not in broken]
    return [
        *(Change("put", name) for name in changed if name == BEFORE),
        *(Change("remove", name) for name in sorted(broken, key=_last_first)),
        *(Change("put", name) for name in sorted(bodies, key=_settings_first)),
        *(Change("put", name) for name in sorted(changed) if seals(name) == "checkpoint"),
        *(Change("remove", name) for name in sorted(left, key=lambda name: (not seals(name), name))),
        *(
            Change("put", name)
            for kind in ("trial", "outcome", "run", "export")
            for name in changed
            if seals(name) == kind
        ),
    ]


def batches(order: Iterable[Change]) -> Iterator[list[Change]]:
    """Cut changes into batches that can be made at the same time: files of one folder that seal nothing."""
    for _, group in groupby(order, _together):
        members = list(group)
        for start in range(0, len(members), BATCH):
            yield members[start : start + BATCH]


def incomplete(names: Collection[str]) -> set[str]:
    """Return those files of a copy that belong to checkpoints without a seal."""
    return {
        name for name in names if CHECKPOINT.fullmatch(name) and str(PurePosixPath(name).parent / STATE) not in names
    }


def _together(change: Change) -> str | Change:
    path = PurePosixPath(change.name)
    is_body = change.what == "put" and not seals(change.name) and path.name not in FIRST
    return str(path.parent) if is_body else change


def _last_first(name: str) -> int:
    return ("run", "outcome", "trial", "checkpoint").index(seals(name))


def _settings_first(name: str) -> tuple[int, str, int, str]:
    """Order files by depth, so that metrics come before the checkpoints that count them, and settings before both."""
    path = PurePosixPath(name)
    place = FIRST.index(path.name) if path.name in FIRST else len(FIRST)
    return len(path.parts), str(path.parent), place, name
