"""The connection to Ray: to the cluster that a job was submitted to, or to a private one on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raycluster.data.files.kinds import ARRAY_KINDS, LEFT_OUT
from raycluster.data.files.sources import Listing
from raycluster.errors import UserError
from raycluster.runtime.console import Console
from raycluster.runtime.machine import available_cores, available_gpus, load_of_machine
from raycluster.runtime.paths import under_job_submit
from raycluster.runtime.private_ray import INSIDE, NAMESPACE, is_private, own_folder, start_private
from raycluster.runtime.ray_output import quiet_core, quiet_raylets, quiet_threads
from raycluster.runtime.ray_watch import last_words_of_start, living_nodes, watch_over, watched
from raycluster.runtime.resources import Node

SMALL = 2**26  # bytes of encoded images: a few hundred photos, or thousands of small images

# Read by Ray's processes when they start, or by their allocator (glibc, elsewhere without effect): memory that a
# training step has freed is kept for the next one, instead of being returned to the system and asked for again.
# Values that the user has set are kept. What Ray Data reads when it is
# imported is not here, because that may have happened by now: it is set for each dataset (data/pipeline.py).
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the default of 2 s prolongs the end of every run
    "RAY_ENABLE_AUTO_CONNECT": "0",  # by default, threads of Ray Data that outlive a cluster start another one
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the highest that glibc takes
}


@dataclass(frozen=True)
class RaySession:
    """A Ray cluster that this process is connected to.

    Attributes
    ----------
    nodes : list of Node
        The machines when the job began.
    logs : str
        The folder of Ray's own logs.
    nodes_now : callable
        Returns the machines that are alive now, without waiting for an answer.
    is_private : bool
        Whether it was started on this machine, for this command alone.
    """

    nodes: list[Node]
    logs: str
    nodes_now: Callable[[], list[Node]]
    is_private: bool = False

    @property
    def reason_to_wait(self) -> str:
        """What may keep a job waiting, as the end of a sentence."""
        return "other jobs may be using the cluster" if os.environ.get("RAY_ADDRESS") else load_of_machine()


@contextlib.contextmanager
def ray_session(console: Console | None = None) -> Iterator[RaySession]:
    """Connect to Ray for the duration of a job.

    A connection that exists already is used, and left open: a trial of a sweep has one, to the Ray of its command. The
    cluster that ``RAY_ADDRESS`` names, as under ``ray job submit``, is joined. Otherwise a private one is started on
    this machine, and stopped at the end.

    Parameters
    ----------
    console : Console, optional
        Shows that Ray is starting or stopping.
    """
    prepare_environment()
    import ray

    if ray.is_initialized():
        from ray._private import worker

        here: Any = worker._global_node
        folder = Path(here.get_session_dir_path())
        yield RaySession(living_nodes(), str(folder / "logs"), living_nodes, is_private(folder))
        return
    node = private_node()
    if console:
        console.progress("starting Ray" if node else f"connecting to Ray at {os.environ['RAY_ADDRESS']}")
    stop = signal.getsignal(signal.SIGTERM)
    with quiet_raylets(), own_folder(console) if node else contextlib.nullcontext(Path()) as folder:
        with quiet_core(), last_words_of_start(folder / INSIDE) if node else contextlib.nullcontext():
            session = Path(start_private(node, folder, console) if node else _join())
            if callable(stop) and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, stop)  # Ray has put its own handler there, which aborts with a dump
            logs = str(session / "logs")
            watch = watch_over(node is not None, logs)
        with watch.last_words():
            try:
                with watched(watch):
                    yield RaySession(watch.nodes, logs, lambda: watch.nodes, watch.is_private)
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
    """Set the variables that Ray reads from the environment, whether it has been imported before or not."""
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
    # A single core counts as two for Ray, because Ray Data needs one beside the trainer.
    return Node(max(2, available_cores()), available_gpus())


def _join() -> str:
    import ray

    names = [*ENVIRONMENT, "OMP_WAIT_POLICY"]
    environment: dict[str, Any] = {"env_vars": {name: os.environ[name] for name in names}}
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
