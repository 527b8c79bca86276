import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from pyarrow import fs

from raycluster.errors import UserError
from raycluster.remote import lock as remote_lock
from raycluster.remote.folder import RemoteFolder
from raycluster.remote.lock import RemoteLock
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import LOCK


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(remote_lock, "RENEW_S", 0.05)
    monkeypatch.setattr(remote_lock, "LOOK_S", 0.05)


@pytest.fixture
def remote(tmp_path):
    return RemoteFolder(fs.LocalFileSystem(), str(tmp_path / "bucket" / "run"), "s3://bucket/run")


def lock_of(remote, **owner):
    """Leave the lock of a job on another machine."""
    known = {"copy": "theirs", "machine": "elsewhere", "space": "pid:[1]", "pid": 7, "renewed": 0}
    remote.write(LOCK, json.dumps(known | owner).encode())


def wait(remote, now=None):
    return RemoteLock(remote).wait(now or remote.check_writable(), Console(stream=io.StringIO()))


def test_a_lock_is_there_while_it_is_held_and_is_renewed(remote):
    assert wait(remote) is None
    lock = RemoteLock(remote)
    with lock.held("mine"):
        first = json.loads(remote.read(LOCK))
        while json.loads(remote.read(LOCK) or b"{}").get("renewed", 0) < 2:
            time.sleep(0.01)
        lock.check()
        lock.release()
    assert (first["copy"], first["pid"]) == ("mine", os.getpid())
    assert remote.read(LOCK) is None


def test_another_job_that_is_alive_is_named(remote):
    lock_of(remote)
    stop = threading.Event()

    def live():
        for renewed in range(1, 1000):
            if stop.wait(0.1):
                return
            lock_of(remote, renewed=renewed)

    thread = threading.Thread(target=live)
    thread.start()
    with pytest.raises(UserError, match=r"Another job \(process 7 on elsewhere\) is working in s3://bucket/run: wait"):
        wait(remote)
    stop.set()
    thread.join()


def test_a_lock_that_nobody_renews_is_taken_over_by_the_clock_of_the_storage(remote, monkeypatch):
    lock_of(remote)
    age = int((remote_lock.STALE_S + 1) * 1e9)
    assert wait(remote, now=remote.modified(LOCK) + age) == "theirs"
    monkeypatch.setattr(remote_lock, "STALE_S", 0.3)
    assert wait(remote) == "theirs"


def test_the_lock_of_a_process_of_this_machine_that_is_gone_is_taken_over_at_once(remote, monkeypatch):
    monkeypatch.setattr(remote_lock, "STALE_S", 0.5)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = {"machine": os.uname().nodename, "space": remote_lock._space(), "pid": process.pid}
    for is_alive in (True, False):
        lock_of(remote, **here)
        told = io.StringIO()
        assert RemoteLock(remote).wait(remote.check_writable(), Console(stream=told)) == "theirs"
        assert ("waiting" in told.getvalue()) == is_alive
        process.communicate()


@pytest.mark.parametrize("on_ctrl_c", [signal.default_int_handler, signal.SIG_IGN])  # ignored in the background
def test_the_job_that_did_not_write_last_is_interrupted_and_leaves_the_lock_of_the_other(remote, on_ctrl_c):
    before = signal.signal(signal.SIGINT, on_ctrl_c)
    lock = RemoteLock(remote)

    def work():
        with lock.held("mine"):
            for _ in range(1000):
                lock_of(remote)
                time.sleep(0.05)

    try:
        with pytest.raises(UserError, match="process 7 on elsewhere"):
            work()
    finally:
        signal.signal(signal.SIGINT, before)
    lock.release()
    assert json.loads(remote.read(LOCK))["copy"] == "theirs"
    with pytest.raises(UserError, match="process 7 on elsewhere"):
        lock.check()


def test_a_real_ctrl_c_stays_one(remote):
    lock = RemoteLock(remote)
    with pytest.raises(KeyboardInterrupt), lock.held("mine"):
        raise KeyboardInterrupt
