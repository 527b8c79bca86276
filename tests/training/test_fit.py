import errno

import pytest
from ray.exceptions import ActorDiedError

from raycluster.errors import UserError
from raycluster.training.fit import StopOnLastingErrors

DEATH, COLLATERAL = ActorDiedError(), RuntimeError("Connection closed by peer")
FULL = OSError(errno.ENOSPC, "No space left on device", "checkpoints/000001")


def test_mistakes_and_full_disks_end_the_run_and_deaths_do_not():
    stop = StopOnLastingErrors()
    stop.after_exception(None, {0: DEATH, 1: COLLATERAL, 2: OSError("reset")})
    for mistake in (UserError("no"), ValueError("no"), KeyError("no"), ImportError("no"), FULL):
        with pytest.raises(type(mistake)):
            stop.after_exception(None, {0: COLLATERAL, 1: mistake})
