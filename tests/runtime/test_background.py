import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from raycluster.runtime.background import run_beside

KERNEL = """
import ctypes, os, signal, sys, threading
from raycluster.runtime.background import run_beside
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
print("begun", flush=True)
run_beside(lambda: ctypes.CDLL(None).sleep(60), lambda: None)
"""


def test_the_work_is_done_beside_and_its_result_returned():
    ticks, go_on = [], threading.Event()

    def work():
        assert threading.current_thread() is not threading.main_thread()
        go_on.wait(10)
        return 42

    def meanwhile():
        assert threading.current_thread() is threading.main_thread()
        ticks.append(1)
        if len(ticks) == 2:
            go_on.set()

    assert run_beside(work, meanwhile) == 42
    assert len(ticks) >= 2


def test_an_error_in_the_work_is_raised_here():
    def work():
        raise ArithmeticError("a mistake")

    with pytest.raises(ArithmeticError, match="a mistake"):
        run_beside(work, lambda: None)


def test_an_error_meanwhile_ends_the_waiting():
    def meanwhile():
        raise ArithmeticError("Ray has died")

    began = time.monotonic()
    with pytest.raises(ArithmeticError, match="Ray has died"):
        run_beside(lambda: time.sleep(30), meanwhile)
    assert time.monotonic() - began < 10


def test_a_signal_is_heard_while_compiled_code_works():
    with subprocess.Popen([sys.executable, "-c", KERNEL], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begun\n"
        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=30)[1] == b"stopped\n"
        assert time.monotonic() - began < 20
