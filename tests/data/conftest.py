"""Fixtures for the tests of data."""

import pytest


@pytest.fixture
def folder(tmp_path):
    """Files by name; each has as many bytes as its index in the list, because listing does not read them."""

    def make(*names: str) -> str:
        for size, name in enumerate(names):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x" * size)
        return str(tmp_path)

    return make
