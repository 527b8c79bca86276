"""The connection to Ray: to the cluster that a job was submitted to, or to a private one on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raycluster.data.files.kinds import ARRAY_KINDS, LEFT_OUT
from raycluster.data.files.sources import Listing
from raycluster.errors import TrainingFailed, UserError, has_no_room
from raycluster.runtime.console import Console
from raycluster.runtime.machine import available_cores
from raycluster.runtime.paths import under_job_submit
from raycluster.runtime.ray_output import quiet_core, quiet_raylets, quiet_threads
from raycluster.runtime.resources import Node

NAMESPACE = "raycluster"
ATTEMPTS = 3  # to start a private cluster, each of which Ray gives up after half a minute
LONGEST_SOCKET_PATH = 107  # bytes, of the address of a Unix socket
SHORT_FOLDER = "/tmp"
SMALL = 2**26  # bytes of encoded images: a few hundred photos, or thousands of small images

# Read by Ray's processes when they start. Values that the user has set are kept.
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the default of 2 s prolongs the end of every run
    "RAY_DATA_EXECUTION_NO_PROGRESS_TIMEOUT_S": "120",  # by default, a starved pipeline hangs for half an hour
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # by default, threads of Ray Data that outlive a cluster start another one
}


@dataclass(frozen=True)
class RaySession:
    """A Ray cluster that this process is connected to.

    Attributes
    ----------
    nodes : list of Node
    logs : str
        The folder of Ray's own logs.
    """

    nodes: list[Node]
    logs: str


@contextlib.contextmanager
def ray_session(console: Console | None = None) -> Iterator[RaySession]:
    """Connect to Ray for the duration of a job.

    A connection that exists already is used, and left open. The cluster that ``RAY_ADDRESS`` names, as under ``ray job
    submit``, is joined. Otherwise a private one is started on this machine, and stopped at the end.

    Parameters
    ----------
    console : Console, optional
        Shows that Ray is starting or stopping.
    """
    prepare_environment()
    import ray

    if ray.is_initialized():
        yield _describe(os.path.join(tempfile.gettempdir(), "ray", ray.get_runtime_context().get_session_name()))
        return
    node = private_node()
    if console:
        console.progress("starting Ray" if node else f"connecting to Ray at {os.environ['RAY_ADDRESS']}")
    stop = signal.getsignal(signal.SIGTERM)
    with quiet_raylets():
        with quiet_core():
            session = start_private(node, console) if node else _join()
        if callable(stop) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, stop)  # Ray has put its own handler there, which aborts with a dump
        try:
            yield _describe(session)
        except BaseException:
            quiet_threads()  # what they were doing ends here
            raise
        finally:
            if console and node:
                console.progress("stopping Ray")
            ray.shutdown()


def ray_session_for(listing: Listing | None, console: Console) -> contextlib.AbstractContextManager[Any]:
    """Return a connection to Ray to decode the files of a listing, or nothing if they are decoded before it starts."""
    if listing is None:
        return contextlib.nullcontext()
    encoded = [
        size for size, kind in zip(listing.sizes, listing.kinds, strict=True) if kind not in (LEFT_OUT, *ARRAY_KINDS)
    ]
    return contextlib.nullcontext() if sum(encoded) <= SMALL else ray_session(console)


def prepare_environment() -> None:
    """Set the variables that Ray reads from the environment. Call this before Ray is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    hook: Any = sys.modules.get("ray._private.auto_init_hook")
    if hook:  # Ray was imported before, and has looked at the variable
        hook.enable_auto_connect = os.environ["RAY_ENABLE_AUTO_CONNECT"] != "0"
    if os.environ.get("RAY_ADDRESS") and (Path.home() / ".ray" / "auth_token").exists():
        # Ray uses the token on its own only for clusters that it starts or finds itself. With an address, it reports
        # after 21 s that it could not connect.
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def private_node() -> Node | None:
    """Return the only machine of the private cluster that will be started, or None if there is a cluster to join."""
    ray = sys.modules.get("ray")
    if os.environ.get("RAY_ADDRESS") or (ray and ray.is_initialized()):
        return None
    import torch

    # A single core counts as two for Ray, because Ray Data needs one beside the trainer.
    return Node(max(2, available_cores()), torch.cuda.device_count())


def start_private(node: Node, console: Console | None = None) -> str:
    """Start a private Ray cluster on this machine, and return its session folder.

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
                    "Ray did not start on this machine, maybe because other jobs keep it busy. Run the same command "
                    f"again. ({error})"
                ) from error
            if console:
                console.say("Ray has not started, maybe because other jobs keep this machine busy: trying again")
    return str(context.address_info["session_dir"])


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


def _join() -> str:
    import ray

    environment: dict[str, Any] = {"env_vars": ENVIRONMENT}
    if not under_job_submit():
        environment["py_modules"] = [str(Path(__file__).parents[1])]  # raycluster may not be installed on the cluster
    address = os.environ["RAY_ADDRESS"]
    try:
        _check_reachable(address)
        context: Any = ray.init(
            namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR, runtime_env=environment
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        raise UserError(
            f"Cannot connect to the Ray cluster at RAY_ADDRESS={address}: {error}. Check the address, or unset the "
            "variable to start a private cluster on this machine."
        ) from error
    return str(context.address_info["session_dir"])


def _check_reachable(address: str) -> None:
    """Raise OSError if nothing listens there; Ray itself would keep trying for more than ten minutes."""
    host, _, port = address.rpartition(":")
    if host and "://" not in address:
        socket.create_connection((host, int(port)), timeout=10).close()


def _describe(session: str) -> RaySession:
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes = [Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in alive]
    return RaySession(nodes, os.path.join(session, "logs"))
