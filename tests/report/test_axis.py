import pytest

from raycluster.report.axis import axis_of


def test_numbers_that_span_far_have_a_logarithmic_axis():
    assert axis_of([1e-3, 1e-1, 1e-2]).positions == pytest.approx([0.0, 1.0, 0.5])
    assert axis_of([1e-3, 1e-1, 1e-2]).ticks[1] == (0.5, "0.01")
    assert axis_of([1.0, 3.0, 2.0]).positions == pytest.approx([0.0, 1.0, 0.5])


def test_values_that_are_not_numbers_are_placed_side_by_side():
    axis = axis_of(["local", "global", None, "local"])
    assert axis.positions == pytest.approx([5 / 6, 3 / 6, 1 / 6, 5 / 6])
    assert [text for _, text in axis.ticks] == ["None", "global", "local"]


def test_none_is_left_of_the_numbers_which_keep_their_order_and_scale():
    axis = axis_of([None, 8, 40, 24])
    assert axis.positions == pytest.approx([0.0, 0.2, 1.0, 0.6])
    assert [text for _, text in axis.ticks] == ["None", "8", "24", "40"]


def test_a_single_value_is_in_the_middle():
    assert axis_of([0.5, 0.5]) == ([0.5, 0.5], [(0.5, "0.5")])
