"""The folder of a finished run for reading: itself, or a copy of it if it is behind a URI."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from raycluster.errors import UserError
from raycluster.remote.folder import RemoteFolder
from raycluster.remote.upload_order import SUMMARY, is_kept
from raycluster.runtime.console import Console
from raycluster.runtime.stand_in import standing_in

UNREAD = ("checkpoints/", "tensorboard/", "report/")


def _state_of(remote: RemoteFolder) -> tuple[int, int]:
    """Return the version of the file that is written last."""
    info = remote.info(SUMMARY)
    return info.size or 0, info.mtime_ns or 0


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
            before = _state_of(remote)
            for name in remote.files():
                if name.startswith(only) and is_kept(name) and not name.startswith(UNREAD):
                    remote.get(name, folder / name)
            if _state_of(remote) != before:
                raise UserError(f"{remote.shown} has changed while it was read: run the same command again.")
        with standing_in(folder, remote.shown):
            yield folder
