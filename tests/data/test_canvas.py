import dataclasses

import pytest

from raycluster.data.canvas import Canvas


def test_a_canvas_has_a_shape_and_never_changes():
    canvas = Canvas(3, 48, 64)
    assert canvas.shape == (3, 48, 64)
    assert (canvas.fit, canvas.value_range) == ("pad", None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        canvas.height = 1
    assert len({canvas, Canvas(3, 48, 64), Canvas(3, 48, 64, "crop")}) == 2
