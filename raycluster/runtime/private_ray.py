"""A private Ray on this machine, for one command: however busy the machine is, out of reach of others, cleared away."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
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
LOCK = "raycluster.lock"  # in the session folders of our own, locked while they are in use
KEPT_S = 86_400.0  # how long the logs of a killed or failed command are kept
SPILLED = "ray_spilled_objects*"


def start_private(node: Node, console: Console | None = None) -> str:
    """Start a private Ray cluster on this machine, and return its session folder.

    Its processes listen on the loopback interface only, and there is no dashboard.

    Parameters
    ----------
    node : Node
    console : Console, optional
        Told where Ray's files go if not into the usual folder, and what is waited for.

    Raises
    ------
    UserError
        If there is no folder for Ray's sockets.
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
    folder = folder_of_sockets()
    if folder and console:
        console.say(f"The path of TMPDIR is too long for Ray's sockets: Ray's files go to {folder}")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _on_loopback(), _only_what_is_needed(), _patience(console):
                context: Any = ray.init(
                    address="local",
                    num_cpus=int(node.cpus),
                    num_gpus=int(node.gpus),
                    namespace=NAMESPACE,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=folder,
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
def cleared_away(session: Path) -> Iterator[None]:
    """Mark the session folder of a private Ray as in use, and remove it at the end, unless a failure needs its logs.

    Ray itself leaves session folders for ever.
    """
    remove_abandoned(session.parent)
    keep = False
    with open(session / LOCK, "w") as file:
        with contextlib.suppress(ImportError, OSError):  # Windows and some file systems have no locks
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        except UserError:
            raise
        except Exception:
            keep = True
            raise
        finally:
            if not keep:
                remove_tree(session)


def remove_abandoned(folder: Path) -> None:
    """Remove what private Rays of killed commands have left: spilled objects at once, logs after a day.

    Parameters
    ----------
    folder : Path
        Where Ray keeps its session folders.
    """
    import fcntl

    for lock in folder.glob(f"session_*/{LOCK}"):
        session = lock.parent
        with contextlib.suppress(OSError):  # in use, or another user's
            if session.is_symlink():
                continue
            with open(lock, "r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for spilled in session.glob(SPILLED):
                    remove_tree(spilled)
                if time.time() - lock.stat().st_mtime > KEPT_S:
                    remove_tree(session)


def folder_of_sockets() -> str | None:
    """Return where a private Ray should keep its files if its usual folder has too long a path for sockets, or None.

    Raises
    ------
    UserError
        If there is no such place.
    """
    usual = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or SHORT_FOLDER
    session = f"session_0000-00-00_00-00-00_000000_{os.getpid()}"
    socket_path = os.path.join(usual, "ray", session, "sockets", "plasma_store")
    if len(os.fsencode(socket_path)) <= LONGEST_SOCKET_PATH:
        return None
    if not os.access(SHORT_FOLDER, os.W_OK | os.X_OK):
        raise UserError(
            f"The path of the temporary folder {usual} is too long for Ray's sockets: set TMPDIR to a folder with a "
            "shorter one."
        )
    return os.path.join(SHORT_FOLDER, "ray")


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
def _patience(console: Console | None) -> Iterator[None]:
    """Let Ray wait for its raylet for minutes as long as that is running, and say what is waited for."""
    import psutil  # it comes with Ray
    from ray._private import services

    ask, began = services.get_node, time.monotonic()

    def get_node(*arguments: Any) -> Any:
        while True:
            try:
                return ask(*arguments)
            except RuntimeError:
                waited = time.monotonic() - began
                names = [child.name() for child in psutil.Process().children() if child.status() != "zombie"]
                if waited > PATIENCE_S or "raylet" not in names:
                    raise
                if waited > BUSY_AFTER_S and console:
                    console.progress("starting Ray", f"starting Ray: {load_of_machine()}")
                time.sleep(LOOK_S)

    with replaced(services, "get_node", get_node):
        yield
