import contextlib
import errno
import fcntl
import itertools
import os
import threading
import time
from pathlib import Path

import pytest

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime import private_ray
from raycluster.runtime.console import Console
from raycluster.runtime.private_ray import (
    LOCK,
    is_private,
    own_folder,
    place_for_sockets,
    remove_abandoned,
    start_private,
)
from raycluster.runtime.resources import Node


def test_a_ray_that_does_not_start_is_tried_again_and_then_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    import ray

    tries = []

    def too_slow(**options):
        tries.append(options)
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", too_slow)
    monkeypatch.setattr(ray, "shutdown", lambda: None)  # other tests need theirs
    monkeypatch.setenv("RAY_AUTH_TOKEN", "unused")
    with (
        Console() as console,
        pytest.raises(TrainingFailed, match=r"did not start.*same command again.*timed out"),
    ):
        start_private(Node(2), tmp_path, console)
    assert len(tries) == 2
    assert "processes want to run. Trying again" in capsys.readouterr().out


def test_a_full_disk_is_not_tried_again(tmp_path, monkeypatch):
    import ray

    def full(**options):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/ray")

    monkeypatch.setattr(ray, "init", full)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "unused")
    with pytest.raises(OSError, match="No space left"):
        start_private(Node(2), tmp_path)


def test_a_temporary_folder_whose_path_is_too_long_for_sockets_is_replaced(monkeypatch):
    from ray._private.utils import validate_socket_filepath

    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    session = f"raycluster-ab12cd34/ray/session_2026-11-27_09-18-23_123456_{os.getpid()}/sockets/plasma_store"
    longest = 107 - len(session) - 1
    for length, is_usual in ((longest, True), (longest + 1, False)):
        place = "/" + "t" * (length - 1)
        monkeypatch.setenv("TMPDIR", place)
        assert place_for_sockets() == (place if is_usual else "/tmp", is_usual)
    validate_socket_filepath(f"/{'t' * (longest - 1)}/{session}")  # which Ray asks
    with pytest.raises(OSError, match="cannot exceed 107"):
        validate_socket_filepath(f"/{'t' * longest}/{session}")


def test_ray_is_waited_for_as_long_as_its_raylet_runs(monkeypatch, capsys):
    import psutil
    from ray._private import services

    class Child:
        def __init__(self, name):
            self.name = lambda: name

        def status(self):
            return "running"

    asked, children = [], [Child("raylet")]

    def not_yet(address, node):
        asked.append(node)
        if len(asked) < 3:
            raise RuntimeError("This node has not been found")
        return {"node": node}

    monkeypatch.setattr(services, "get_node", not_yet)
    monkeypatch.setattr(psutil.Process, "children", lambda self: children)
    monkeypatch.setattr(private_ray, "LOOK_S", 0.0)
    monkeypatch.setattr(private_ray, "BUSY_AFTER_S", -1.0)
    with Console() as console, private_ray._patience(console):
        assert services.get_node("127.0.0.1:1", "node") == {"node": "node"}
        children.clear()
        asked.clear()
        with pytest.raises(RuntimeError, match="not been found"):
            services.get_node("127.0.0.1:1", "node")
    assert len(asked) == 1
    assert services.get_node is not_yet
    assert "starting Ray: this machine has" in capsys.readouterr().out


def test_a_control_service_that_dies_while_ray_starts_ends_the_command_with_a_sentence(monkeypatch, capsys, tmp_path):
    there = itertools.chain([[], ["gcs_server"], ["gcs_server", "raylet"]], itertools.repeat(["raylet"]))
    ended = threading.Event()
    monkeypatch.setattr(private_ray, "LOOK_S", 0.0)
    monkeypatch.setattr(private_ray, "_running", lambda: next(there))
    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    with private_ray._last_words(tmp_path):
        assert ended.wait(60)
    assert "error: Ray's gcs_server on this machine has died" in capsys.readouterr().err


def test_the_folder_of_a_private_ray_is_removed_unless_the_command_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "new"))
    monkeypatch.setattr(private_ray, "LONGEST_SOCKET_PATH", 1000)
    for error, is_kept in ((None, False), (UserError("a mistake"), False), (SystemExit(143), False), (OSError(), True)):
        with contextlib.suppress(UserError, SystemExit, OSError), own_folder() as folder:
            assert folder.parent == tmp_path / "new"
            assert folder.stat().st_mode & 0o777 == 0o700
            if error:
                raise error
        assert folder.exists() == is_kept


def test_only_what_killed_commands_of_ours_have_left_is_removed(tmp_path):
    names = ("raycluster-abandoned", "raycluster-recent", "raycluster-in-use", "ray")
    abandoned, recent, in_use, other = (tmp_path / name for name in names)
    spilled = "ray/session_2026-11-27_09-18-23_123456_1/ray_spilled_objects_1"
    for folder in (abandoned, recent, in_use, other):
        (folder / spilled).mkdir(parents=True)
        (folder / LOCK).touch()
    two_days_ago = time.time() - 2 * 86_400
    for folder in (abandoned, in_use, other):
        os.utime(folder / LOCK, (two_days_ago, two_days_ago))
    with open(in_use / LOCK) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_abandoned(tmp_path)
    assert not abandoned.exists()
    assert recent.exists()
    assert [(folder / spilled).exists() for folder in (recent, in_use, other)] == [False, True, True]


def test_a_private_ray_is_known_by_its_folder():
    with own_folder() as folder:
        assert is_private(folder / "ray" / "session_1")
    assert not is_private(Path("/tmp/ray/session_1"))
    assert not is_private(Path("/home/raycluster-1/sessions/session_1"))
