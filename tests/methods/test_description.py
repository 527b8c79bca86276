import pickle
import subprocess
import sys

import pytest

from raycluster.methods import METHODS, find_method
from raycluster.methods.description import Later


def test_a_function_is_imported_when_it_is_called_and_travels_to_other_processes():
    root = Later("math", "sqrt")
    assert root(9) == 3
    assert pickle.loads(pickle.dumps(root)) == root


@pytest.mark.parametrize("name", METHODS)
def test_a_description_names_functions_that_are_there(name):
    method = find_method(name)
    for function in (method.train, method.recluster):
        if function is not None:
            module = __import__(function.module, fromlist=[function.function])
            assert callable(getattr(module, function.function))
    if method.cluster_pixels:
        module, _, function = method.cluster_pixels.partition(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function))


def test_describing_the_methods_imports_no_torch():
    code = """
import sys
from raycluster.methods import METHODS, find_method
for name in METHODS:
    find_method(name)
print([name for name in ("torch", "ray", "numba", "faiss", "sklearn") if name in sys.modules])
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
