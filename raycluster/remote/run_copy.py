"""The folder of a finished run for reading: itself, or a copy of it if it is behind a URI."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from raycluster.remote.folder import RemoteFolder
from raycluster.remote.upload_order import is_kept
from raycluster.runtime.console import Console
from raycluster.runtime.stand_in import standing_in

UNREAD = ("checkpoints/", "tensorboard/", "report/")


@contextlib.contextmanager
def copy_of(run: str, console: Console, only: str = "") -> Iterator[Path]:
    """Provide the folder of a finished run on this machine; a copy is removed at the end.

    Parameters
    ----------
    run : str
        A path or a URI.
    console : Console
    only : str
        What the names of the files begin with that are needed.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    if "://" not in run:
        yield Path(run).expanduser()
        return
    remote = RemoteFolder.open(run)
    with tempfile.TemporaryDirectory(prefix="raycluster-") as home:
        folder = Path(home).resolve() / remote.name
        console.progress(f"reading {remote.shown}")
        with remote.reading():
            for name in remote.files():
                if name.startswith(only) and is_kept(name) and not name.startswith(UNREAD):
                    remote.get(name, folder / name)
        with standing_in(folder, remote.shown):
            yield folder
