"""Fixtures for the tests of single images."""

from pathlib import Path

import pytest
import sklearn


@pytest.fixture(scope="session")
def photographs() -> list[bytes]:
    """Two photographs of 427 x 640 pixels, as JPEG files, that come with scikit-learn."""
    folder = Path(sklearn.__file__).parent / "datasets" / "images"
    return [(folder / name).read_bytes() for name in ("china.jpg", "flower.jpg")]
