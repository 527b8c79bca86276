import math

import pytest

from raycluster.errors import UserError, check_setting


def test_a_bad_setting_is_named_as_its_flag_with_what_is_wanted():
    with pytest.raises(UserError, match=r"^--unroll-rate 0: choose a share above 0\.$"):
        check_setting("unroll_rate", 0, False, "a share above 0")
    check_setting("unroll_rate", 0.5, True, "a share above 0")


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e30, -1e30])
def test_a_number_that_is_infinite_or_absurd_is_no_setting(value):
    with pytest.raises(UserError, match=r"^--margin .*: choose 0 or more, and no larger than 1,000,000,000\.$"):
        check_setting("margin", value, True, "0 or more")
    check_setting("refuse_above", value, True, "a number, or inf", may_be_infinite=True)


def test_whole_numbers_may_be_large():
    check_setting("seed", 2**63, True, "0 or more")


def test_a_user_error_is_a_value_error_as_scikit_learn_wants_it():
    assert issubclass(UserError, ValueError)
