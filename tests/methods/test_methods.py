import dataclasses
import math
import subprocess
import sys

import pytest

from raycluster.errors import UserError
from raycluster.methods import METHODS, find_method
from raycluster.sweeps.search_space import parse_space


@pytest.mark.parametrize("name", METHODS)
def test_every_method_describes_itself(name):
    method = find_method(name)
    assert method.name == name
    assert isinstance(method.presets["default"], method.settings)
    assert parse_space(method.search_space, method.presets["default"])
    assert len(method.summary) < 100


@pytest.mark.parametrize("name", METHODS)
def test_no_setting_is_infinite_or_absurdly_large(name):
    settings = find_method(name).settings
    numbers = [field.name for field in dataclasses.fields(settings) if isinstance(field.default, float)]
    assert "learning_rate" in numbers
    for setting in numbers:
        for value in (math.inf, math.nan, 1e30):
            with pytest.raises(UserError, match=f"--{setting.replace('_', '-')}"):
                settings(**{setting: value})


def test_a_scheduler_checks_once_per_period_of_jule_and_nine_times_in_the_others():
    def interval(name, **settings):
        method = find_method(name)
        return method.epochs_between_checks(method.settings(**settings))

    assert interval("jule", epochs_per_period=7) == 7
    assert interval("dccm", epochs=90) == 10
    assert interval("concurl", epochs=3) == 1


def test_an_unknown_method_is_an_error_that_lists_the_others():
    with pytest.raises(UserError, match="no method 'swav': choose one of jule, dccm, concurl"):
        find_method("swav")


def test_a_list_of_the_methods_and_their_settings_imports_no_torch():
    code = """
import sys
from raycluster.methods import METHODS, find_method
for name in METHODS:
    find_method(name)
print([name for name in ("torch", "ray", "numba", "faiss", "sklearn") if name in sys.modules])
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
