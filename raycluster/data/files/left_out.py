"""What is not an image of the user although it lies among the images, and why: decided by the name, or a few bytes."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence

from raycluster.data.files.patterns import Patterns

KNOWN_FOLDERS = 10_000  # what is decided about so many folders is remembered, because files share them
# Folders and files that programs leave beside images, in lower case. None of them holds an image that is missing
# elsewhere, and many hold small copies.
FOLDERS = {
    "@eadir": "a thumbnail of a network drive",
    ".thumbnails": "a thumbnail",
    ".thumb": "a thumbnail",
    ".@__thumb": "a thumbnail of a network drive",
    "__macosx": "metadata that macOS adds to archives",
    "#recycle": "in the recycle bin of a network drive",
    "@recycle": "in the recycle bin of a network drive",
    "$recycle.bin": "in a recycle bin",
    "#snapshot": "in a snapshot of a network drive",
    "@recently-snapshot": "in a snapshot of a network drive",
    "system volume information": "a system file of Windows",
}
FILES = {
    "thumbs.db": "thumbnails of Windows",
    "ehthumbs.db": "thumbnails of Windows",
    "desktop.ini": "settings of a Windows folder",
}


def left_out_reason(name: str, exclude: Sequence[str] = (), is_named: bool = False) -> str | None:
    """Return why a file is left out because of its name, or None if it is not.

    Parameters
    ----------
    name : str
        Relative to the source, or to the archive that it is in.
    exclude : sequence of str
        Patterns of the user, as in :func:`is_excluded`.
    is_named : bool
        Whether the user named this very file; then only the patterns count.
    """
    for pattern in exclude:
        if is_excluded(name, pattern):
            return f"excluded by {pattern}"
    if is_named:
        return None
    folder, _, file = name.rpartition("/")
    if reason := _folder_reason(folder):
        return reason
    if file.lower() in FILES:
        return f"{FILES[file.lower()]} ({file})"
    if file.startswith("._"):
        return "metadata of macOS (._)"
    return "hidden" if file.startswith(".") else None


def is_set_apart(folder: str) -> bool:
    """Return whether everything in a folder is left out because of the names of folders."""
    return _folder_reason(folder) is not None


def is_excluded(name: str, pattern: str) -> bool:
    """Return whether a pattern excludes a file.

    A pattern without a slash excludes files and folders of that name wherever they are; one with a slash is compared
    with the path relative to the source, and excludes everything inside a folder that matches.
    """
    pattern = pattern.strip("/")
    if "/" in pattern:
        return _patterns(pattern).select(name)
    folder, _, file = name.rpartition("/")
    return _patterns(pattern).select(file) or (bool(folder) and _is_in_excluded(folder, pattern))


@functools.lru_cache(KNOWN_FOLDERS)
def _folder_reason(path: str) -> str | None:
    """Return why everything in a folder is left out, or None if it is not."""
    for folder in path.split("/"):
        if folder.lower() in FOLDERS:
            return f"{FOLDERS[folder.lower()]} ({folder})"
        if folder.startswith(".") and folder not in (".", ".."):
            return f"in a hidden folder ({folder})"
    return None


@functools.lru_cache(KNOWN_FOLDERS)
def _is_in_excluded(folder: str, pattern: str) -> bool:
    return any(_patterns(pattern).select(part) for part in folder.split("/"))


@functools.cache
def _patterns(pattern: str) -> Patterns:
    return Patterns.of(pattern)


def summarize(reasons: Iterable[str]) -> str:
    """Return reasons with the number of files for each, the most frequent first."""
    counts = sorted(Counter(reasons).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} × {reason}" for reason, count in counts)
