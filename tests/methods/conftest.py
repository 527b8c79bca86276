"""Fixtures for the tests of methods."""

import contextlib

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

SIDE = 64


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


@pytest.fixture(scope="session")
def photo_crops():
    """20 parts of each of two photographs, uint8 [40, 3, 64, 64]."""
    rng = np.random.default_rng(0)
    corners = [(picture, *rng.integers(0, 300, 2)) for picture in load_sample_images().images for _ in range(20)]
    return np.stack([p[y : y + 2 * SIDE : 2, x : x + 2 * SIDE : 2].transpose(2, 0, 1) for p, y, x in corners])
