"""How the functions of this package are compiled, and where the machine code is kept.

Numba's own cache notices when the file of a function changes, but not when a file whose functions it calls does.
Therefore the machine code is kept in a folder named by a hash of all the files whose compiled functions call one
another across files: a change to any of them compiles all of them again, and two versions can run side by side.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba
from numba import njit

CONFIG: Any = numba.config  # its options are made at run time, so that no type knows them
KERNEL = Path(__file__).parent
SOURCES = (*KERNEL.glob("*.py"), *KERNEL.with_name("stages").glob("*.py"))
KEPT_FOLDERS = 4  # the ones used last, this version's among them


def cache_folder(sources: Iterable[Path]) -> Path:
    """Return the folder for the machine code of these sources.

    It is in ``$NUMBA_CACHE_DIR`` if that is set, otherwise in the user's cache folder, ``$XDG_CACHE_HOME`` or
    ``~/.cache``.

    Raises
    ------
    RuntimeError
        If none of them is set and the user has no home.
    """
    digest = hashlib.sha256()
    for source in sorted(sources):
        text = source.read_bytes()
        digest.update(f"{source.name} {len(text)}\n".encode() + text)
    parent = CONFIG.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(parent, "raycluster", f"compiled-{digest.hexdigest()[:16]}")


def prepare(folder: Path) -> None:
    """Create the folder and delete its oldest siblings.

    A process that still uses one of these goes on: what it has not loaded yet, it compiles again.

    Raises
    ------
    OSError
        If the folder cannot be created or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    os.utime(folder)
    with contextlib.suppress(OSError):  # another process may be deleting them as well
        siblings = sorted(folder.parent.glob("compiled-*"), key=lambda path: path.stat().st_mtime)
        for sibling in siblings[:-KEPT_FOLDERS]:
            shutil.rmtree(sibling, ignore_errors=True)


def open_cache() -> str | None:
    """Return the folder for the machine code of this version, or None if there is nowhere to write to."""
    try:
        folder = cache_folder(SOURCES)
        prepare(folder)
    except (OSError, RuntimeError):
        return None
    return str(folder)


FOLDER = open_cache()  # without one, every process compiles for itself


def compiled_with(**options: Any) -> Callable[[Any], Any]:
    """Return a decorator that compiles a function, for running without the GIL, and keeps its machine code on disk."""

    def decorate(function: Any) -> Any:
        users_folder = CONFIG.CACHE_DIR
        CONFIG.CACHE_DIR = FOLDER  # read while a function is decorated, and not again
        try:
            return njit(cache=FOLDER is not None, nogil=True, **options)(function)
        finally:
            CONFIG.CACHE_DIR = users_folder

    return decorate


compiled = compiled_with()

# For the inner loops of the merging. They allocate nothing: their callers in Python make the arrays, because counting
# references would cost more than the work itself. NumPy's error model divides without checking for 0.
compiled_lean = compiled_with(error_model="numpy", _nrt=False)
