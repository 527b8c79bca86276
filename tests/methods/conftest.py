"""Fixtures for the tests of methods."""

import contextlib

import pytest


class Killed(Exception):
    pass


@pytest.fixture
def killed_after():
    """In ``with killed_after(rows) as on_report``, a run that reports to it dies when it reports one more row."""

    @contextlib.contextmanager
    def killed(rows):
        reported = []

        def count(row):
            reported.append(row)
            if len(reported) > rows:
                raise Killed

        with pytest.raises(Killed):
            yield count

    return killed
