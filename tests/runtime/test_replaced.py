from types import SimpleNamespace

import pytest

from raycluster.runtime.replaced import replaced


def test_an_attribute_has_its_former_value_again_even_after_an_error():
    owner = SimpleNamespace(loud=True)

    def fail():
        with replaced(owner, "loud", False):
            assert owner.loud is False
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert owner.loud is True
