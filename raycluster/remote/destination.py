"""Where results go: a folder or a file on this machine, which may stand in for one behind a URI."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs

from raycluster.data.files.location import HIDDEN, public_name
from raycluster.data.files.patterns import first_wildcard
from raycluster.errors import TrainingFailed, UserError
from raycluster.remote.folder import RemoteFolder, version_of
from raycluster.remote.lock import RemoteLock
from raycluster.remote.mirror import Mirror
from raycluster.remote.uploading import PATIENCE_S, Uploader, persevere
from raycluster.runtime.console import Console
from raycluster.runtime.files import remove_tree
from raycluster.runtime.paths import absolute_out
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import standing_in


@contextlib.contextmanager
def results_in(out: str, console: Console, data: str | None = None) -> Iterator[Path]:
    """Provide a folder on this machine to work in, with what the folder for results holds.

    If ``out`` is a URI, what changes is uploaded meanwhile, and the folder on this machine is removed at the end.

    Parameters
    ----------
    out : str
        A path or a URI.
    console : Console
    data : str, optional
        The source, in which the results may not be.

    Raises
    ------
    UserError
        If what is behind the URI cannot be read and written, or is in the source, or if another job works there.
    TrainingFailed
        If the results cannot be uploaded in the end.
    """
    if "://" not in out:
        yield absolute_out(out)
        return
    remote = RemoteFolder.open(out)
    if data and _is_inside(out, data):
        raise UserError(f"--out {remote.shown} is inside --data {public_name(data)}: choose a folder outside it.")
    with remote.reading():
        if remote.info().type == fs.FileType.File:
            raise UserError(f"{remote.shown} is a file: choose a folder for --out.")
    home = _cache() / hashlib.sha256(f"{remote.shown}?{public_name(out).partition('?')[2]}".encode()).hexdigest()[:16]
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(RunDir(home).lock())
            except UserError:
                raise UserError(
                    f"Another job on this machine is working in {remote.shown}: wait for it, or choose another --out."
                ) from None
            mirror = Mirror(remote, home)
            stack.callback(mirror.tidy)
            yield stack.enter_context(_mirrored(mirror, console))
    finally:
        with contextlib.suppress(OSError):  # it is not empty, if something could not be uploaded
            home.rmdir()


@contextlib.contextmanager
def results_at(out: str, console: Console) -> Iterator[Path]:
    """Provide a path on this machine for a file of results, with what it holds; otherwise like :func:`results_in`."""
    if "://" not in out:
        yield absolute_out(out)
        return
    remote = RemoteFolder.open(out)
    remote.parent.check_writable()
    with contextlib.ExitStack() as until_uploaded:
        home = Path(tempfile.mkdtemp(prefix="raycluster-")).resolve()
        until_uploaded.callback(remove_tree, home)
        path = home / remote.name
        with remote.reading():
            kind = remote.info().type
            if kind == fs.FileType.File:
                remote.parent.get(remote.name, path)
        if kind == fs.FileType.Directory:
            raise UserError(f"--out {remote.shown} is a folder: name a file.")
        there = version_of(path)

        def upload() -> None:
            nonlocal there
            if version_of(path) in (None, there):
                return
            console.progress(f"uploading to {remote.shown}")
            try:
                there = persevere(lambda: remote.parent.put(remote.name, path), PATIENCE_S)
            except OSError as error:
                until_uploaded.pop_all()
                raise TrainingFailed(
                    f"{remote.shown} could not be uploaded ({remote.reason(error)}). It is in {home}: copy it from "
                    "there, or run the same command again."
                ) from None

        with standing_in(path, remote.shown, upload):
            yield path
        upload()


@contextlib.contextmanager
def _mirrored(mirror: Mirror[RemoteFolder], console: Console) -> Iterator[Path]:
    remote, lock = mirror.remote, RemoteLock(mirror.remote)
    now = remote.check_writable()
    with remote.reading():
        last_copy = lock.wait(now, console)
    if aside := mirror.set_aside(last_copy):
        console.warn(
            f"Another job has worked in {remote.shown} since. What had not been uploaded from this machine is in "
            f"{aside}."
        )
    copy = mirror.begin(last_copy)
    is_uploaded = False
    try:
        with contextlib.ExitStack() as stack:
            with remote.reading():
                mirror.check_ours()
                stack.enter_context(lock.held(copy))
            console.progress(f"reading {remote.shown}")
            with remote.reading():
                mirror.fill()
                lock.check()
            uploader = Uploader(mirror, lock, console)
            try:
                with standing_in(mirror.local, remote.shown, uploader.finish), uploader.beside():
                    yield mirror.local
            except BaseException as error:
                is_uploaded = _is_uploaded_after(error, uploader, console)
                raise
            uploader.finish()
            is_uploaded = True
    finally:
        if is_uploaded or lock.is_lost:
            with contextlib.suppress(OSError):  # it will become stale
                lock.release()
            mirror.discard()


def _is_uploaded_after(error: BaseException, uploader: Uploader, console: Console) -> bool:
    """Upload what a command leaves that ends with an error, and return whether that was possible."""
    try:
        uploader.finish(at_once=not isinstance(error, Exception))
    except TrainingFailed as another:
        if str(another) != str(error):
            console.warn(str(another))
        return False
    return True


def _is_inside(out: str, data: str) -> bool:
    """Return whether an address is inside a source behind one, whose name may have wildcards."""
    (scheme, inside), (its_scheme, source) = (_scheme_and_parts(address) for address in (out, data))
    folder = source[: first_wildcard(source)]
    return scheme == its_scheme and inside[: len(folder)] == folder


def _scheme_and_parts(address: str) -> tuple[str, list[str]]:
    scheme, _, path = public_name(address).partition("?")[0].partition("://")
    return scheme, path.removeprefix(f"{HIDDEN}@").rstrip("/").split("/")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "raycluster" / "runs"
