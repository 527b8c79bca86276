import pytest
from ray.exceptions import ActorDiedError

from raycluster.errors import UserError
from raycluster.training.fit import StopOnMistakes

DEATH, COLLATERAL = ActorDiedError(), RuntimeError("Connection closed by peer")


def test_mistakes_end_the_run_and_deaths_do_not():
    stop = StopOnMistakes()
    stop.after_exception(None, {0: DEATH, 1: COLLATERAL, 2: OSError("reset")})
    for mistake in (UserError("no"), ValueError("no"), KeyError("no"), ImportError("no")):
        with pytest.raises(type(mistake)):
            stop.after_exception(None, {0: COLLATERAL, 1: mistake})
