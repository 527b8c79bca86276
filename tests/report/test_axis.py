import pytest

from raycluster.report.axis import axis_of, names_axis


def test_numbers_that_span_far_have_a_logarithmic_axis():
    axis = axis_of([1e-3, 1e-1, 1e-2])
    assert [axis.place(value) for value in (1e-3, 1e-1, 1e-2)] == pytest.approx([0.0, 1.0, 0.5])
    assert "0.01" in [label for _, label in axis.ticks]
    linear = axis_of([1.0, 3.0, 2.0])
    assert [linear.place(value) for value in (1, 3, 2)] == pytest.approx([0.0, 1.0, 0.5])


def test_ticks_are_round_numbers_where_they_belong():
    assert axis_of([0.13, 0.87], is_log=False).ticks == [
        (pytest.approx((tick - 0.13) / 0.74), label)
        for tick, label in ((0.2, "0.2"), (0.4, "0.4"), (0.6, "0.6"), (0.8, "0.8"))
    ]
    assert [label for _, label in axis_of([2, 80], is_log=True).ticks] == ["2", "5", "10", "20", "50"]
    assert axis_of([5, 9], is_log=False, from_zero=True).ticks[0] == (0.0, "0")


def test_values_that_are_not_numbers_are_placed_side_by_side():
    axis = axis_of(["local", "global", None, "local"])
    assert [axis.place(value) for value in ("local", "global", None)] == pytest.approx([5 / 6, 3 / 6, 1 / 6])
    assert [text for _, text in axis.ticks] == ["None", "global", "local"]
    assert [text for _, text in names_axis(["b", "a"]).ticks] == ["b", "a"]


def test_none_is_left_of_the_numbers_which_keep_their_order_and_scale():
    axis = axis_of([None, 8, 40, 24])
    assert [axis.place(value) for value in (None, 8, 40, 24)] == pytest.approx([0.0, 0.2, 1.0, 0.6])
    assert axis.ticks[0] == (0.0, "None")


def test_a_single_value_is_in_the_middle():
    axis = axis_of([0.5, 0.5])
    assert (axis.place(0.5), axis.ticks) == (0.5, [(0.5, "0.5")])
