import pytest

from raycluster.lazy import importing


def test_a_name_is_imported_from_its_home_when_it_is_asked_for():
    attribute = importing("here", {"sqrt": "math"})
    assert attribute("sqrt")(9) == 3
    with pytest.raises(AttributeError, match="module 'here' has no attribute 'cbrt'"):
        attribute("cbrt")
