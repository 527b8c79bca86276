"""Seeds that differ for every epoch and worker."""

from __future__ import annotations

import numpy as np


def hash_seed(*numbers: int) -> int:
    """Hash numbers, each of them -1 or more, into one 63-bit seed."""
    return int(np.random.SeedSequence([number + 1 for number in numbers]).generate_state(1, np.uint64)[0] >> 1)
