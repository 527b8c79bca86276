import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime import ray_watch
from raycluster.runtime.ray_watch import RayWatch, watched


@pytest.fixture
def raylet(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "raylet"))
        listening.listen()
        yield listening


@pytest.fixture
def head():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_what_refuses_connections_on_this_machine_has_died(raylet, head):
    watch = RayWatch(raylet.getsockname(), head.getsockname(), True, "/ray/logs")
    assert watch.death() is None
    head.close()
    assert watch.death() == (
        "Ray's gcs_server on this machine has died, maybe because memory ran out.\n"
        "Ray's logs are in /ray/logs. Run the same command again to continue."
    )
    raylet.close()
    assert watch.death().startswith("Ray's raylet on this machine has died")


def test_the_head_of_a_cluster_may_be_silent_for_a_while(raylet, head, monkeypatch):
    watch = RayWatch(raylet.getsockname(), head.getsockname(), False, "/ray/logs")
    head.close()
    assert watch.death() is None
    monkeypatch.setattr(ray_watch, "SILENT_S", 0.0)
    assert watch.death().startswith("Ray's head at 127.0.0.1 has not answered for 20 s")


@pytest.fixture
def dead(monkeypatch):
    monkeypatch.setattr(ray_watch, "CHECK_S", 0.01)
    return RayWatch("/nowhere/raylet", ("127.0.0.1", 1), True, "/ray/logs")


def test_a_death_ends_what_is_waiting_in_compiled_code(dead):
    began, before = time.monotonic(), signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background
    try:
        with pytest.raises(TrainingFailed, match="raylet on this machine has died"), watched(dead):
            threading.Event().wait(100)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 50
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL


def test_a_death_takes_the_place_of_the_errors_that_it_causes_but_not_of_mistakes(dead, monkeypatch):
    monkeypatch.setattr(ray_watch, "CHECK_S", 100.0)
    with pytest.raises(TrainingFailed, match="raylet on this machine has died"), watched(dead):
        raise ConnectionError("Broken pipe")
    with pytest.raises(UserError, match="choose fewer"), watched(dead):
        raise UserError("choose fewer")


def test_a_process_that_is_dying_may_still_take_connections_for_a_moment(raylet, head, monkeypatch):
    watch = RayWatch(raylet.getsockname(), head.getsockname(), True, "/ray/logs")
    monkeypatch.setattr(ray_watch, "CHECK_S", 30.0)
    threading.Timer(0.2, raylet.close).start()
    with pytest.raises(TrainingFailed, match="raylet on this machine has died"), watched(watch):
        raise ConnectionError("Broken pipe")


def test_ctrl_c_stays_what_it_is(raylet, head):
    alive = RayWatch(raylet.getsockname(), head.getsockname(), True, "/ray/logs")
    with pytest.raises(KeyboardInterrupt), watched(alive):
        signal.raise_signal(signal.SIGINT)


def test_a_process_that_ray_ends_at_once_has_last_words(raylet, head):
    script = f"""
import os
from raycluster.runtime.ray_watch import RayWatch
with RayWatch({raylet.getsockname()!r}, {head.getsockname()}, True, "/ray/logs").last_words():
    os._exit(1)
"""
    words = []
    for death in (lambda: None, head.close, raylet.close):
        death()
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        words.append(done.stderr.partition("\n")[0])
    because = "on this machine has died, maybe because memory ran out."
    assert words == ["", f"error: Ray's gcs_server {because}", f"error: Ray's raylet {because}"]


def test_a_process_that_ray_ends_while_it_starts_has_last_words_too(tmp_path):
    script = f"""
import os
from pathlib import Path
from raycluster.runtime.ray_watch import last_words_of_start
with last_words_of_start(Path({str(tmp_path)!r})):
    os._exit(1)
"""
    session = tmp_path / "session_1"
    (session / "sockets").mkdir(parents=True)
    (session / "logs").mkdir()

    def words():
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60).stderr

    assert words() == ""
    (session / "logs" / "raylet.out").touch()
    because = "on this machine has died, maybe because memory ran out."
    assert words() == (f"error: Ray's raylet {because}\nRay's logs are in {tmp_path}. Run the same command again.\n")
    with socket.socket(socket.AF_UNIX) as raylet:
        raylet.bind(str(session / "sockets" / "raylet"))
        raylet.listen()
        assert words() == ""


def test_an_orderly_end_needs_no_last_words(dead, capfd):
    with dead.last_words():
        pass
    assert capfd.readouterr().err == ""


KILLED = """
import os, signal, sys, threading, time
from raycluster.cli.exit_codes import run_command
from raycluster.runtime.session import ray_session

def work():
    with ray_session():
        import psutil, ray

        def kill():
            time.sleep(1)
            for child in psutil.Process().children(recursive=True):
                if child.name() == sys.argv[1]:
                    child.kill()

        threading.Thread(target=kill, daemon=True).start()
        while sys.argv[2] == "busy":
            ray.wait([ray.put(0)])
        ray.get(ray.remote(lambda: time.sleep(600)).remote())

sys.exit(run_command(work, "stopped"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("process", "driver"), [("raylet", "busy"), ("gcs_server", "waiting")])
def test_a_command_whose_private_ray_dies_ends_with_a_sentence_alone(process, driver):
    keep = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-c", KILLED, process, driver]
    done = subprocess.run(command, env=keep, capture_output=True, text=True, timeout=120)
    first, second = done.stderr.splitlines()
    assert first == f"error: Ray's {process} on this machine has died, maybe because memory ran out."
    assert second.endswith("Run the same command again to continue.")
    assert (done.stdout, done.returncode) == ("", 1)
