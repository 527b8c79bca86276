"""Pictures by row in a temporary file: written in the order of the source, read in the order of a page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import numpy as np


class PictureFile:
    """Image files of n rows, in any order, without holding them in memory.

    Parameters
    ----------
    n : int
    folder : Path
        Where there is room. The file has no name there, and is gone when it is closed.
    """

    def __init__(self, n: int, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by __exit__
        self._start, self._size = np.zeros(n, np.int64), np.zeros(n, np.int64)

    def __enter__(self) -> PictureFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, rows: np.ndarray, pictures: Iterable[bytes | None]) -> None:
        """Add the pictures of some rows, int64 [m]; None where there is none."""
        start = self._file.seek(0, 2)
        for row, picture in zip(rows.tolist(), pictures, strict=True):
            self._start[row], self._size[row] = start, len(picture or b"")
            start += self._file.write(picture or b"")

    def get(self, rows: np.ndarray) -> list[bytes | None]:
        """Return the pictures of some rows, int64 [m], None where there is none."""
        pictures: list[bytes | None] = []
        for start, size in zip(self._start[rows].tolist(), self._size[rows].tolist(), strict=True):
            self._file.seek(start)
            pictures.append(self._file.read(size) or None)
        return pictures
