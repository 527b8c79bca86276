import pytest

from raycluster.errors import UserError, check_setting


def test_a_bad_setting_is_named_as_its_flag_with_what_is_wanted():
    with pytest.raises(UserError, match=r"^--unroll-rate 0: choose a share above 0\.$"):
        check_setting("unroll_rate", 0, False, "a share above 0")
    check_setting("unroll_rate", 0.5, True, "a share above 0")


def test_a_user_error_is_a_value_error_as_scikit_learn_wants_it():
    assert issubclass(UserError, ValueError)
