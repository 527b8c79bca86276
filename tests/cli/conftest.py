"""Fixtures for the tests of the command line."""

import contextlib
import io
import signal

import pytest

WIDTH = 100


@pytest.fixture(autouse=True)
def _own_handler():
    """Put the handler of SIGTERM back that a command has replaced."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a command line in this process; return its exit code, and what it printed on stdout and stderr."""
    from raycluster.cli.main import main

    def run(line, columns=WIDTH):
        monkeypatch.setenv("COLUMNS", str(columns))
        printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # as a terminal's, for the boxes of the help
        with contextlib.redirect_stdout(printed):
            try:
                code = main(line.split() if isinstance(line, str) else [str(word) for word in line])
            except SystemExit as exit_:
                code = exit_.code
        printed.seek(0)
        return code, printed.read(), capsys.readouterr().err

    return run
