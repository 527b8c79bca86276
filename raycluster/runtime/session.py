"""Ray, found or started: a job joins the cluster that it was submitted to, and has a private one in a plain shell."""

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

from raycluster.data.sources import ARRAY_KINDS, Listing
from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime.paths import under_job_submit
from raycluster.runtime.resources import Node, available_cores

NAMESPACE = "raycluster"
SMALL = 2**26  # bytes of encoded images; some hundred photographs, or thousands of small images

# Read by the processes of Ray when they start. Whatever the user has set stays.
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the default of 2 s is added to the end of every run
    "RAY_DATA_EXECUTION_NO_PROGRESS_TIMEOUT_S": "120",  # by default a starved pipeline hangs for half an hour
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # by default threads of Ray Data that outlive a Ray start another
}


@dataclass(frozen=True)
class RaySession:
    """A Ray cluster that this process is connected to.

    Attributes
    ----------
    nodes : list of Node
    logs : str
        Where Ray's own logs lie.
    """

    nodes: list[Node]
    logs: str


@contextlib.contextmanager
def ray_session() -> Iterator[RaySession]:
    """Connect to Ray for the time of a job.

    A Ray that is connected already is used and left alone; one that ``RAY_ADDRESS`` names, as under ``ray job
    submit``, is joined; otherwise a private one is started on this machine and stopped at the end.
    """
    prepare_environment()
    import ray

    if ray.is_initialized():
        yield _describe(os.path.join(tempfile.gettempdir(), "ray", ray.get_runtime_context().get_session_name()))
        return
    node = private_node()
    stop = signal.getsignal(signal.SIGTERM)
    session = start_private(node) if node else _join()
    if callable(stop) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)  # Ray's handler, which takes its place, aborts with a dump
    try:
        yield _describe(session)
    finally:
        ray.shutdown()


def ray_session_for(listing: Listing | None) -> contextlib.AbstractContextManager[Any]:
    """Return Ray to decode the files of a listing on, or nothing where they are decoded sooner than it has started."""
    is_small = listing is None or listing.kind in ARRAY_KINDS or sum(listing.sizes) <= SMALL
    return contextlib.nullcontext() if is_small else ray_session()


def prepare_environment() -> None:
    """Set what Ray reads from the environment; to be called before Ray is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if os.environ.get("RAY_ADDRESS") and (Path.home() / ".ray" / "auth_token").exists():
        # Ray takes up the token by itself only for clusters that it starts or finds by itself; where an address is
        # given, it says after 21 s that it could not connect.
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def private_node() -> Node | None:
    """Return the one machine of the private cluster that is going to be started, or None if there is one to join."""
    ray = sys.modules.get("ray")
    if os.environ.get("RAY_ADDRESS") or (ray and ray.is_initialized()):
        return None
    import torch

    # With one core, Ray is told of two: one for Ray Data beside the trainer.
    return Node(max(2, available_cores()), torch.cuda.device_count())


def start_private(node: Node) -> str:
    """Start a Ray of this process's own with so many cores and GPUs, and return its session folder.

    Raises
    ------
    TrainingFailed
        If it does not come up, as on a machine that is far too busy.
    """
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")  # nobody takes this machine away
    # Ray protects a cluster that it starts with a token. One of our own lives and dies with this process; Ray would
    # write one to the home folder, readable to all, and the next `ray start --head` would ask everybody for it.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        context: Any = ray.init(
            address="local",
            num_cpus=int(node.cpus),
            num_gpus=int(node.gpus),
            namespace=NAMESPACE,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # that is all that Ray says of its kind, after half a minute
        raise TrainingFailed(
            f"Ray did not start on this machine; other jobs may keep it too busy. Run the same command again. ({error})"
        ) from error
    return str(context.address_info["session_dir"])


def _join() -> str:
    import ray

    environment: dict[str, Any] = {"env_vars": ENVIRONMENT}
    if not under_job_submit():
        environment["py_modules"] = [str(Path(__file__).parents[1])]  # the cluster may not have raycluster installed
    address = os.environ["RAY_ADDRESS"]
    try:
        _check_reachable(address)
        context: Any = ray.init(
            namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR, runtime_env=environment
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        raise UserError(f"The Ray cluster at RAY_ADDRESS={address} cannot be joined: {error}") from error
    return str(context.address_info["session_dir"])


def _check_reachable(address: str) -> None:
    """Raise OSError if nobody listens there; Ray itself would try for more than ten minutes."""
    host, _, port = address.rpartition(":")
    if host and "://" not in address:
        socket.create_connection((host, int(port)), timeout=10).close()


def _describe(session: str) -> RaySession:
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes = [Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in alive]
    return RaySession(nodes, os.path.join(session, "logs"))


def smallest_object_store() -> float:
    """Return how many bytes the smallest object store of the machines holds."""
    import ray

    return min(node["Resources"].get("object_store_memory", 0.0) for node in ray.nodes() if node["Alive"])


def memory_for_images() -> float:
    """Return how many bytes of images may be held in memory: half of the smallest object store."""
    return smallest_object_store() / 2
