from dataclasses import replace

import numpy as np
import pytest

from raycluster import methods
from raycluster.methods import find_method
from raycluster.methods.jule import JuleSettings
from raycluster.training.rehearsal import rehearse


@pytest.fixture
def calls(monkeypatch):
    """The calls of JULE's clustering of pixels."""
    jule, calls = find_method("jule"), []

    def recorded(rows, clusters, settings):
        calls.append((rows, clusters, settings))
        return jule.pixel_clustering()(rows, clusters, settings)

    monkeypatch.setattr("raycluster.methods.jule.METHOD", replace(jule, pixel_clustering=lambda: recorded))
    return calls


@pytest.mark.parametrize(("asked", "clusters"), [(10, 2), ("auto", "auto")])
def test_the_first_step_is_tried_on_a_few_rows(calls, asked, clusters):
    rehearse("jule", JuleSettings(unroll_rate=0.3), asked)
    ((rows, *rest),) = calls
    assert rest == [clusters, JuleSettings(unroll_rate=0.3)]
    assert rows.dtype == np.float32
    assert len(rows) == 100


def test_what_fails_in_it_is_left_to_the_step_itself(calls):
    rehearse("jule", None, 10)
    assert len(calls) == 1


def test_methods_that_do_not_begin_with_a_graph_have_none(monkeypatch):
    for name in set(methods.METHODS) - {"jule"}:
        rehearse(name, None, 10)
