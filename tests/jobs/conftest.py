"""Fixtures for the tests of jobs."""

import importlib.util
import signal

import pytest


@pytest.fixture(scope="module")
def job(request):
    """The script that the test module names ``SCRIPT``, loaded; its handler of SIGTERM is gone afterwards."""
    spec = importlib.util.spec_from_file_location(f"{request.module.SCRIPT.stem}_job", request.module.SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before = signal.getsignal(signal.SIGTERM)
    yield module
    signal.signal(signal.SIGTERM, before)
