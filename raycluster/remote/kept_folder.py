"""A folder on one machine of a cluster, for processes on the others: an actor there reads and writes its files."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayTaskError

from raycluster.remote.folder import Version
from raycluster.remote.upload_order import CHECKPOINT, seals
from raycluster.runtime.files import remove_tree

CHUNK = 2**26  # bytes that travel at a time


class FolderKeeper:
    """The actor on the machine that has the folder. It remembers nothing, so that it can be restarted at any time.

    Parameters
    ----------
    folder : str
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def files(self) -> dict[str, int]:
        """Return the sizes of all files, by their names in the folder."""
        found = {}
        for folder, _, names in os.walk(self._folder):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    found[path.relative_to(self._folder).as_posix()] = path.stat().st_size
        return found

    def read(self, name: str, start: int) -> bytes:
        """Return a chunk of a file; an empty one is its end."""
        with open(self._folder / name, "rb") as file:
            file.seek(start)
            return file.read(CHUNK)

    def write(self, name: str, start: int, chunk: bytes) -> None:
        """Write a chunk of a file."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "r+b" if start else "wb") as file:
            file.seek(start)
            file.write(chunk)

    def rename(self, name: str, target: str) -> None:
        """Give a file, or a folder that is not there yet, its final name."""
        source, final = self._folder / name, self._folder / target
        if source.exists() or not final.exists():  # otherwise, this is the second attempt
            source.replace(final)

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        (self._folder / name).unlink(missing_ok=True)

    def remove_empty(self, name: str) -> None:
        """Remove a folder in this one, and those in it, as far as they are empty."""
        for folder, _, _ in os.walk(self._folder / name, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def remove_whole(self, name: str) -> None:
        """Remove a folder in this one with all that is in it, at once."""
        with contextlib.suppress(FileNotFoundError):
            path = self._folder / name
            remove_tree(path.rename(path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.partial")))


class KeptFolder:
    """What another machine sees of the folder. All methods raise the errors of the machine that has it.

    There, a checkpoint is complete or absent, too: its files come into a folder with a name of its own, which gets its
    number with the last of them, unless another process has written a checkpoint of this number.

    Parameters
    ----------
    path : Path
        Where the folder is on its own machine.
    keeper : ActorHandle
        The :class:`FolderKeeper`.
    """

    def __init__(self, path: Path, keeper: Any) -> None:
        self.name, self.shown, self._keeper = path.name, str(path), keeper
        self._partial = f"{uuid.uuid4().hex[:8]}.partial"

    def files(self) -> dict[str, int]:
        """Return the sizes of all files, by their names in the folder."""
        sizes: dict[str, int] = self._ask("files")
        return sizes

    def get(self, name: str, path: Path) -> None:
        """Write the content of a file to a path on this machine."""
        chunk = self._ask("read", name, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as target:
            while chunk:
                target.write(chunk)
                chunk = self._ask("read", name, target.tell())

    def put(self, name: str, path: Path) -> Version:
        """Write the content of a path on this machine to a file; return its version, or an older one if it changes."""
        folder, _, file = name.rpartition("/")
        in_checkpoint = CHECKPOINT.fullmatch(name) is not None
        partial = f"{folder}.{self._partial}/{file}" if in_checkpoint else f"{name}.{self._partial}"
        with open(path, "rb") as source:
            state = os.fstat(source.fileno())
            try:
                self._ask("write", partial, 0, source.read(CHUNK))
                while chunk := source.read(CHUNK):
                    self._ask("write", partial, source.tell() - len(chunk), chunk)
                if not in_checkpoint:
                    self._ask("rename", partial, name)
                elif seals(name):
                    self._ask("rename", f"{folder}.{self._partial}", folder)
            except OSError:
                self._ask("remove", partial)
                raise
        return state.st_size, state.st_mtime_ns

    def remove(self, name: str) -> None:
        """Remove a file, if there is one; with that which seals a checkpoint, the others go at once."""
        if seals(name) == "checkpoint":
            self._ask("remove_whole", name.rpartition("/")[0])
        else:
            self._ask("remove", name)

    def remove_folder(self, name: str) -> None:
        """Remove a folder, unless other processes have files in it."""
        self._ask("remove_empty", name)

    def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            return ray.get(getattr(self._keeper, method).remote(*arguments))
        except RayTaskError as error:
            raise error.cause from None
