"""A private Ray on this machine, for one command: however busy the machine is, out of reach of others, cleared away."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from raycluster.errors import TrainingFailed, UserError, has_no_room
from raycluster.runtime.console import Console
from raycluster.runtime.files import remove_tree
from raycluster.runtime.machine import load_of_machine
from raycluster.runtime.replaced import replaced
from raycluster.runtime.resources import Node

NAMESPACE = "raycluster"
ATTEMPTS = 2
PATIENCE_S = 180.0  # in each attempt; Ray itself gives up after half a minute
LOOK_S = 0.5
BUSY_AFTER_S = 15.0
LONGEST_SOCKET_PATH = 107  # bytes, of the address of a Unix socket
SHORT_FOLDER = "/tmp"
PREFIX = "raycluster-"  # of the folders of our private Rays
LOCK = "raycluster.lock"  # in each of them, locked while it is in use
KEPT_S = 86_400.0  # how long the logs of a killed or failed command are kept
INSIDE = "ray"  # Ray makes its own folder writable for everybody; the one around it is not even readable
SPILLED = f"{INSIDE}/session_*/ray_spilled_objects*"


def start_private(node: Node, folder: Path, console: Console | None = None) -> str:
    """Start a private Ray cluster on this machine, and return its session folder.

    Its processes listen on the loopback interface only, and there is no dashboard.

    Parameters
    ----------
    node : Node
    folder : Path
        Where its files go, as :func:`own_folder` makes it.
    console : Console, optional
        Told what is waited for.

    Raises
    ------
    TrainingFailed
        If it does not start, as on a machine that is far too busy.
    OSError
        If its disk has no room.
    """
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")  # nobody preempts this machine
    # Ray protects a cluster that it starts with a token. Ours lives as long as this process. Ray's own would be written
    # to the home folder, readable by everyone, and the next `ray start --head` would require it from everybody.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _on_loopback(), _only_what_is_needed(), _patience(console), _last_words(folder):
                context: Any = ray.init(
                    address="local",
                    num_cpus=int(node.cpus),
                    num_gpus=int(node.gpus),
                    namespace=NAMESPACE,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=str(folder / INSIDE),
                )
            break
        except Exception as error:  # Ray raises nothing more specific if it takes too long
            ray.shutdown()
            if has_no_room(error):
                raise
            if attempt == ATTEMPTS:
                raise TrainingFailed(
                    f"Ray did not start on this machine: {load_of_machine()}. Run the same command again. ({error})"
                ) from error
            if console:
                console.say(f"Ray has not started: {load_of_machine()}. Trying again")
    return str(context.address_info["session_dir"])


@contextlib.contextmanager
def own_folder(console: Console | None = None) -> Iterator[Path]:
    """Make a folder for the files of a private Ray, and remove it at the end, unless a failure needs its logs.

    Ray itself leaves its files for ever. What a killed command leaves, the next one removes.

    Parameters
    ----------
    console : Console, optional
        Told where the folder is if not in the usual place.

    Raises
    ------
    UserError
        If there is no place for Ray's sockets.
    OSError
        If its disk has no room.
    """
    place, is_usual = place_for_sockets()
    if not is_usual and console:
        console.say(f"The path of TMPDIR is too long for Ray's sockets: Ray's files go to {place}")
    os.makedirs(place, exist_ok=True)
    remove_abandoned(Path(place))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    keep = False
    with open(folder / LOCK, "w") as file:
        with contextlib.suppress(ImportError, OSError):  # Windows and some file systems have no locks
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        except UserError:
            raise
        except Exception:
            keep = True
            raise
        finally:
            if not keep:
                remove_tree(folder)


def is_private(session: Path) -> bool:
    """Return whether the session folder of a Ray is in one that :func:`own_folder` has made."""
    return session.parent.name == INSIDE and session.parents[1].name.startswith(PREFIX)


def remove_abandoned(place: Path) -> None:
    """Remove what private Rays of killed commands have left in a place: spilled objects at once, logs after a day."""
    for lock in place.glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(ImportError, OSError):  # in use, or another user's
            import fcntl

            with open(lock, "r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for spilled in lock.parent.glob(SPILLED):
                    remove_tree(spilled)
                if time.time() - lock.stat().st_mtime > KEPT_S:
                    remove_tree(lock.parent)


def place_for_sockets() -> tuple[str, bool]:
    """Return where the folder of a private Ray should be, and whether that is the usual place.

    Raises
    ------
    UserError
        If the path of the usual place is too long for sockets, and there is no other.
    """
    usual = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or SHORT_FOLDER
    session = f"session_0000-00-00_00-00-00_000000_{os.getpid()}"
    socket_path = os.path.join(usual, f"{PREFIX}12345678", INSIDE, session, "sockets", "plasma_store")
    if len(os.fsencode(socket_path)) <= LONGEST_SOCKET_PATH:
        return usual, True
    if not os.access(SHORT_FOLDER, os.W_OK | os.X_OK):
        raise UserError(
            f"The path of the temporary folder {usual} is too long for Ray's sockets: set TMPDIR to a folder with a "
            "shorter one."
        )
    return SHORT_FOLDER, False


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let Ray take the loopback address for that of this machine, as it does by itself on macOS."""
    from ray._private import ray_constants

    with replaced(ray_constants, "ENABLE_RAY_CLUSTER", False):
        yield


@contextlib.contextmanager
def _only_what_is_needed() -> Iterator[None]:
    """Let Ray start without what watches, scales and displays clusters, which halves the time that it takes.

    Nobody asks for the dashboard of a command, there are no machines to add, and commands report by themselves.
    """
    from ray._private import utils
    from ray._private.node import Node as RayNode

    def start_nothing(node: Any, **settings: Any) -> None:
        pass

    with contextlib.ExitStack() as stack:
        for name in ("start_monitor", "start_log_monitor", "start_api_server"):
            stack.enter_context(replaced(RayNode, name, start_nothing))
        # Agents load no more than in an installation without the dashboard.
        stack.enter_context(replaced(utils, "get_dashboard_dependency_error", lambda: ImportError("not loaded")))
        yield


@contextlib.contextmanager
def _last_words(folder: Path) -> Iterator[None]:
    """End this process with a sentence if Ray's control service dies inside of this.

    Left to itself, Ray ends it after a minute without one; no exception can be raised in its compiled code.
    """
    started = threading.Event()

    def look() -> None:
        was_there = False
        while not started.wait(LOOK_S):
            is_there = "gcs_server" in _running()
            if was_there and not is_there and not started.is_set():
                what = "Ray's gcs_server on this machine has died, maybe because memory ran out."
                where = f"Ray's logs are in {folder}. Run the same command again."
                print(f"\nerror: {what}\n{where}", file=sys.stderr, flush=True)
                os._exit(1)
            was_there = is_there

    threading.Thread(target=look, daemon=True).start()
    try:
        yield
    finally:
        started.set()


def _running() -> list[str]:
    """Return the names of the processes of Ray that this process has started."""
    import psutil  # it comes with Ray

    names = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            names += [child.name()] if child.status() != psutil.STATUS_ZOMBIE else []
    return names


@contextlib.contextmanager
def _patience(console: Console | None) -> Iterator[None]:
    """Let Ray wait for its raylet for minutes as long as that is running, and say what is waited for."""
    from ray._private import services

    ask, began = services.get_node, time.monotonic()

    def get_node(*arguments: Any) -> Any:
        while True:
            try:
                return ask(*arguments)
            except RuntimeError:
                waited = time.monotonic() - began
                if waited > PATIENCE_S or "raylet" not in _running():
                    raise
                if waited > BUSY_AFTER_S and console:
                    console.progress("starting Ray", f"starting Ray: {load_of_machine()}")
                time.sleep(LOOK_S)

    with replaced(services, "get_node", get_node):
        yield
