"""The folder of a command, for processes on all machines of a cluster, whether these share storage or not."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raycluster.errors import UserError
from raycluster.remote.kept_folder import FolderKeeper, KeptFolder
from raycluster.remote.mirror import Mirror
from raycluster.runtime.files import remove_tree
from raycluster.runtime.private_ray import NAMESPACE
from raycluster.runtime.run_dir import LOCK, RunDir
from raycluster.runtime.session import RaySession
from raycluster.runtime.stand_in import standing_in

EVERY_S = 1.0


@dataclass(frozen=True)
class SharedFolder:
    """A folder on the machine of the command. Machines that do not see it work in a copy, and pass on what changes.

    Attributes
    ----------
    path : Path
    sign : str, optional
        A file in it that no other folder has; None if there is only one machine.
    keeper : str
        The name of the :class:`raycluster.remote.kept_folder.FolderKeeper`.
    """

    path: Path
    sign: str | None = None
    keeper: str = ""

    @property
    def is_seen(self) -> bool:
        """Whether this machine sees the folder."""
        return self.sign is None or os.path.exists(self.path / self.sign)

    @contextlib.contextmanager
    def opened(self, *needed: str) -> Iterator[Path]:
        """Provide the folder, or a copy of it; :func:`raycluster.runtime.stand_in.deliver` passes changes on at once.

        Parameters
        ----------
        needed : str
            What the names of the files begin with that a copy has to have.
        """
        if self.is_seen:
            yield self.path
            return
        with _home(self.path) as home:
            mirror = Mirror(self._kept(), home)
            mirror.fill(needed)
            mirror.local.mkdir(parents=True, exist_ok=True)
            one_at_a_time = threading.Lock()

            def deliver() -> None:
                with one_at_a_time:
                    while not mirror.upload():
                        pass  # files have changed meanwhile

            with standing_in(mirror.local, str(self.path), deliver), _every_second(deliver):
                try:
                    yield mirror.local
                except BaseException:
                    with contextlib.suppress(Exception):
                        deliver()  # such as the log of the error
                    raise
                deliver()

    @contextlib.contextmanager
    def file(self, name: Path) -> Iterator[Path]:
        """Provide the path of a file to write, which is passed on at the end if this machine does not see the folder.

        Parameters
        ----------
        name : Path
            In the folder.
        """
        if self.is_seen:
            yield self.path / name
            return
        with _home(self.path) as home:
            path = home / name
            path.parent.mkdir(parents=True)
            yield path
            if path.exists():
                self._kept().put(name.as_posix(), path)

    def _kept(self) -> KeptFolder:
        return KeptFolder(self.path, ray.get_actor(self.keeper, namespace=NAMESPACE))


@contextlib.contextmanager
def share(path: Path, cluster: RaySession) -> Iterator[SharedFolder]:
    """Let the processes of a cluster use a folder that is on this machine.

    Parameters
    ----------
    path : Path
        Its lock must be held.
    cluster : RaySession
    """
    for pattern in (f"{LOCK}.*", "checkpoints/*/*.partial", "trials/*/checkpoints/*/*.partial"):
        for left in path.glob(pattern):  # by processes that were killed
            remove_tree(left) if left.is_dir() else left.unlink(missing_ok=True)
    if cluster.is_private:
        yield SharedFolder(path)
        return
    token = uuid.uuid4().hex[:8]
    folder = SharedFolder(path, f"{LOCK}.{token}", f"keeper-{token}")
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"name": folder.keeper, "namespace": NAMESPACE, "max_restarts": -1, "max_task_retries": -1}
    # It ends when nothing here refers to it anymore.
    keeper = ray.remote(FolderKeeper).options(**options, num_cpus=0, scheduling_strategy=here).remote(str(path))
    sign = path / f"{LOCK}.{token}"
    sign.touch()
    try:
        yield folder
    finally:
        del keeper
        sign.unlink(missing_ok=True)


@contextlib.contextmanager
def _home(path: Path) -> Iterator[Path]:
    """Provide an empty folder for a copy, and remove those that killed processes have left."""
    prefix = f"raycluster-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}-"
    new = Path(tempfile.mkdtemp(prefix="raycluster-"))
    home = new.with_name(prefix + new.name)
    try:
        with RunDir(new).lock():
            new.rename(home)  # locked already, so that nobody takes it for one that was left
            for left in set(home.parent.glob(f"{prefix}*")) - {home}:
                with contextlib.suppress(UserError, OSError), RunDir(left).lock():
                    remove_tree(left)
            yield home
    finally:
        remove_tree(new)
        remove_tree(home)


@contextlib.contextmanager
def _every_second(deliver: Callable[[], None]) -> Iterator[None]:
    """Pass changes on every second, in a thread, so that the command can show how things go."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(EVERY_S):
            with contextlib.suppress(OSError):  # whoever needs it to be delivered will hear of it
                deliver()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
