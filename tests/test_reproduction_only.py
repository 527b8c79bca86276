import dataclasses
import typing

import pytest

from raycluster.methods import METHODS, find_method
from raycluster.reproduction_only import ONLY_TO_REPRODUCE, Reproduction


def test_the_mark_is_seen_only_by_those_who_ask_for_it():
    hint = Reproduction[int | None]
    assert hint.__metadata__ == (ONLY_TO_REPRODUCE,)
    assert hint.__origin__ == int | None


@pytest.mark.parametrize("name", METHODS)
def test_every_method_marks_some_settings_and_sweeps_read_them_without_the_mark(name):
    settings = find_method(name).settings
    hints, plain = typing.get_type_hints(settings, include_extras=True), typing.get_type_hints(settings)
    marked = {field for field, hint in hints.items() if ONLY_TO_REPRODUCE in getattr(hint, "__metadata__", ())}
    assert marked
    assert marked < {field.name for field in dataclasses.fields(settings)}
    assert all(plain[field] == hints[field].__origin__ for field in marked)
