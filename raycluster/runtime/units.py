"""Seconds, bytes and counts, in the words that people use for them."""

from __future__ import annotations

import numpy as np


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def time_left(seconds: float) -> str:
    """Return an estimate as coarsely as it can be trusted: ``about 40 s left``, ``about 3 min left``."""
    if seconds < 59.5:
        return f"about {round(seconds)} s left"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"about {hours} h {minutes:02d} min left" if hours else f"about {minutes} min left"


def stopwatch(seconds: float) -> str:
    """Return seconds as a stopwatch shows them: ``0:07``, ``12:40``, ``1:02:09``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(n_bytes: float) -> str:
    """Return bytes as people say them: ``784 B``, ``33.6 MB``, ``4.3 GB``."""
    power = 0 if n_bytes < 1000 else min(4, int(np.log10(n_bytes) // 3))
    return f"{n_bytes / 1000**power:.{1 if power else 0}f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def count(n: int, noun: str) -> str:
    """Return a number with its noun in the right form: ``1 worker``, ``1,797 images``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
