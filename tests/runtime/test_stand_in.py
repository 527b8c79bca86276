from pathlib import Path

import pytest

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime.stand_in import deliver, shown, standing_in

HERE, THERE = Path("/cache/1f/run"), "s3://bucket/run"


def raise_inside(error):
    with standing_in(HERE, THERE):
        raise error


def test_users_see_the_address_while_a_folder_stands_in_for_it():
    with standing_in(HERE, THERE):
        assert shown(f"{HERE / 'a'} and {HERE}.") == "s3://bucket/run/a and s3://bucket/run."
    assert shown(str(HERE)) == str(HERE)


@pytest.mark.parametrize("kind", [UserError, TrainingFailed])
def test_errors_name_the_address(kind):
    with pytest.raises(kind, match=r"^s3://bucket/run/x is damaged$"):
        raise_inside(kind(f"{HERE}/x is damaged"))
    with pytest.raises(OSError, match="No space") as error:
        raise_inside(OSError(28, "No space", f"{HERE}/x"))
    assert error.value.filename == "s3://bucket/run/x"


def test_results_are_brought_to_the_address_before_they_are_announced():
    done = []
    with standing_in(HERE, THERE, lambda: done.append("delivered")):
        deliver(HERE)
        deliver(HERE / "checkpoints" / "000001")
        deliver(Path("/elsewhere"))
    deliver(HERE)
    assert done == ["delivered", "delivered"]
