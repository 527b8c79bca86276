import io

import pytest

from raycluster.remote import lock, uploading
from raycluster.runtime.console import Console


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(uploading, "EVERY_S", 0.05)
    monkeypatch.setattr(lock, "LOOK_S", 0.05)


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def console(told):
    return Console(stream=told, errors=told)
