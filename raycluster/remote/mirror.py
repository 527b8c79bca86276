"""A local folder that is worked on in place of one elsewhere: filled from there, and uploaded as it changes."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Generic, Protocol, TypeVar

from raycluster.errors import UserError
from raycluster.remote.folder import Version, version_of
from raycluster.remote.upload_order import CONFIG, EXPORT, Change, batches, changes, incomplete, is_kept, seals
from raycluster.runtime.files import remove_tree, write_json
from raycluster.runtime.run_dir import LOCK, REJECTED

AT_ONCE = 8  # files that travel at the same time


class Elsewhere(Protocol):
    """A folder behind a URI, or on another machine."""

    @property
    def name(self) -> str:
        """The last part of its path."""

    @property
    def shown(self) -> str:
        """How users know it."""

    def files(self) -> dict[str, int]:
        """Return the sizes of all files, by their names in the folder."""

    def get(self, name: str, path: Path) -> None:
        """Write the content of a file to a path on this machine."""

    def put(self, name: str, path: Path) -> Version:
        """Write the content of a path on this machine to a file; return its version, or an older one if it changes."""

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""

    def remove_folder(self, name: str) -> None:
        """Remove a folder in this one with all that is in it, if there is one."""


F = TypeVar("F", bound=Elsewhere)


class Mirror(Generic[F]):
    """The local folder, and which versions of its files have been uploaded.

    Each has a random name, its ``copy``. The lock of a folder behind a URI names the copy that was worked on last.
    If it is this one, nobody else has changed anything since, and everything here is as new as there or newer.
    Otherwise all is fetched anew: there are no mixtures.

    Parameters
    ----------
    remote : Elsewhere
    home : Path
        A folder on this machine, which nobody else uses meanwhile.
    """

    def __init__(self, remote: F, home: Path) -> None:
        self.remote, self.home, self.local = remote, home, home / "files" / remote.name
        self._record = home / "uploaded.json"
        self._uploaded: dict[str, Version] = {}
        self.copy: str | None = None
        with contextlib.suppress(OSError, ValueError, KeyError):
            record = json.loads(self._record.read_text())
            self._uploaded = {name: (size, modified) for name, (size, modified) in record["files"].items()}
            self.copy = record["copy"]

    def begin(self, last_copy: str | None) -> str:
        """Return the name of the copy that will be worked on: this one if it was the last, or else a new one."""
        if self.copy is None or self.copy != last_copy or self._is_lost:
            self.discard()
            self.copy = uuid.uuid4().hex
        self.local.parent.mkdir(exist_ok=True)
        return self.copy

    def set_aside(self, last_copy: str | None) -> Path | None:
        """Move what was not uploaded, if another copy was worked on since, and return where it is."""
        if not self.local.exists() or self.copy == last_copy or not self.has_changed:
            return None
        aside = self.home / f"not-uploaded-{uuid.uuid4().hex[:8]}"
        self.local.replace(aside)
        return aside

    def check_ours(self) -> None:
        """Raise :class:`UserError` if what would be fetched are not results of raycluster."""
        there = set() if self._record.exists() else {name for name in self.remote.files() if is_kept(name)}
        if not (there <= {REJECTED} or {CONFIG, EXPORT} & there):
            raise UserError(f"{self.remote.shown} holds files but no run of raycluster: choose an empty or new --out.")

    def fill(self, only: tuple[str, ...] | None = None) -> None:
        """Fetch all files, unless they are here. If this is interrupted, they will be fetched anew.

        Parameters
        ----------
        only : tuple of str, optional
            What the names of those begin with that are fetched, where others write to the same folder: what is not
            fetched is theirs. By default, the folder becomes the same as the local one.
        """
        there = {name: size for name, size in self.remote.files().items() if only is None or name.startswith(only)}
        if self._record.exists():
            # What is there by mistake, such as half of a checkpoint that is no longer here, will be removed.
            self._uploaded = {name: (size, 0) for name, size in there.items()} | {
                name: version for name, version in self._uploaded.items() if there.get(name) == version[0]
            }
            return
        may_vanish = () if only is None else (FileNotFoundError,)

        def fetch(name: str) -> None:
            with contextlib.suppress(*may_vanish):
                self.remote.get(name, self.local / name)

        kept = [name for name in there.keys() - incomplete(there) if is_kept(name, of_export=EXPORT in there)]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(fetch, kept))
        here = self._versions()
        if only is not None:
            self._uploaded = here
        else:
            self._uploaded = {name: here.get(name, (size, 0)) for name, size in there.items()}
        self._note()

    @property
    def has_changed(self) -> bool:
        """Whether something is not uploaded."""
        uploaded = self._uploaded.copy()  # it changes while another thread uploads
        return self._versions() != {name: version for name, version in uploaded.items() if version[1]}

    def upload(self, goes_on: Callable[[], bool] = lambda: True) -> bool:
        """Make the folder behind the URI the same as the local one, and return whether it is.

        Parameters
        ----------
        goes_on : callable
            Asked again and again whether there is still time.
        """
        here, there = self._versions(), {name for name in self._uploaded if is_kept(name, self._is_export)}
        if any(seals(name) and version_of(self.local / name) != version for name, version in here.items()):
            return False  # what it seals may have changed before it was looked at
        changed = [name for name, version in here.items() if self._uploaded.get(name) != version]
        gone = there - here.keys()
        is_same = True

        def apply(change: Change) -> bool:
            if change.what == "remove":
                self._remove(change.name)
                return True
            if seals(change.name) and version_of(self.local / change.name) != here[change.name]:
                return False
            return self._put(change.name)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            for batch in batches(changes(changed, gone, there)):
                if not goes_on():
                    return False
                what, name = batch[0]
                if what == "put" and seals(name) not in ("", "checkpoint") and not is_same:
                    continue  # what it seals is not complete
                is_same &= all(list(threads.map(apply, batch)))
        for folder in {PurePosixPath(name).parent for name in gone}:
            self._remove_folder(folder)
        if changed or gone:
            self._note()
        return is_same

    def discard(self) -> None:
        """Forget what was uploaded, and remove the local folder."""
        self.copy, self._uploaded = None, {}
        self._record.unlink(missing_ok=True)  # first: half of a folder must not be taken for a whole one
        remove_tree(self.local.parent)

    def tidy(self) -> None:
        """Remove the lock of ``home`` if nothing else is left in it."""
        if not self._record.exists() and not self.local.exists():
            (self.home / LOCK).unlink(missing_ok=True)

    def _put(self, name: str) -> bool:
        """Upload a file, and return whether it was still there."""
        try:
            self._uploaded[name] = self.remote.put(name, self.local / name)
        except FileNotFoundError:
            if (self.local / name).exists():
                raise
            return False
        return True

    def _remove(self, name: str) -> None:
        self.remote.remove(name)
        del self._uploaded[name]

    def _remove_folder(self, folder: PurePosixPath) -> None:
        """Remove the highest folder above files that are gone that is not here either; object stores keep a mark."""
        missing = [one for one in (folder, *folder.parents) if one.name and not (self.local / one).exists()]
        if missing:
            self.remote.remove_folder(str(missing[-1]))

    def _note(self) -> None:
        write_json(self._record, {"copy": self.copy, "files": self._uploaded})

    def _versions(self) -> dict[str, Version]:
        """Return the versions of the local files that outlast a job."""
        found, of_export = {}, self._is_export
        for folder, _, names in os.walk(self.local, onerror=_raise_unless_gone):
            for path in (Path(folder, name) for name in names):
                name = path.relative_to(self.local).as_posix()
                if is_kept(name, of_export) and (version := version_of(path)):
                    if not _is_text(name):
                        raise UserError(f"{name!r} is not UTF-8, as names behind a URI have to be: choose a folder.")
                    found[name] = version
        if self._is_lost:
            raise UserError(f"{self.home} was removed while a command worked in it: run the same command again.")
        return found

    @property
    def _is_lost(self) -> bool:
        """Whether the local folder is gone, though there were files in it: it says nothing about these."""
        return not self.local.exists() and any(modified for _, modified in self._uploaded.values())

    @property
    def _is_export(self) -> bool:
        return (self.local / EXPORT).exists()


def _is_text(name: str) -> bool:
    """Return whether a name is valid UTF-8."""
    return name.encode(errors="surrogateescape").decode(errors="replace") == name


def _raise_unless_gone(error: OSError) -> None:
    """Raise an error of listing a folder: what cannot be listed is still there."""
    if not isinstance(error, FileNotFoundError):
        raise error
