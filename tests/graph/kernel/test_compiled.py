import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numba
import pytest
from numba.core.dispatcher import Dispatcher

import raycluster.graph
from raycluster.graph.kernel import compiled
from raycluster.graph.kernel.disjoint_set import find


@pytest.fixture
def sources(tmp_path):
    """Copies of the sources that the folder is named by."""
    for path in compiled.SOURCES:
        shutil.copy(path, tmp_path / f"{path.parent.name}_{path.name}")
    return sorted(tmp_path.iterdir())


def test_the_folder_is_another_one_after_any_change_to_a_source(sources):
    before = compiled.cache_folder(sources)
    assert compiled.cache_folder(reversed(sources)) == before
    assert compiled.cache_folder(sources[1:]) != before
    for source in sources:
        text = source.read_text()
        source.write_text(text + "\n")
        assert compiled.cache_folder(sources) != before
        source.write_text(text)
    assert compiled.cache_folder(sources) == before


def test_the_folder_is_where_the_user_wants_it(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert compiled.cache_folder([]).parent == Path("/home/somebody/.cache/raycluster")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert compiled.cache_folder([]).parent == Path("/caches/raycluster")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/scratch")
    assert compiled.cache_folder([]).parent == Path("/scratch/raycluster")


def test_the_folders_used_last_are_kept_and_nothing_else_is_deleted(tmp_path):
    for age, name in enumerate("abcdef"):
        (tmp_path / f"compiled-{name}" / "kernel").mkdir(parents=True)
        os.utime(tmp_path / f"compiled-{name}", (1e9 - age, 1e9 - age))
    (tmp_path / "thesis").mkdir()
    compiled.prepare(tmp_path / "compiled-f")
    compiled.prepare(tmp_path / "compiled-new")
    kept = ["compiled-a", "compiled-b", "compiled-f", "compiled-new", "thesis"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_every_compiled_function_is_kept_in_the_folder_and_calls_only_hashed_sources():
    modules = [import_module(found.name) for found in walk_packages(raycluster.graph.__path__, "raycluster.graph.")]
    functions = {value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
    assert len(functions) > 40
    sources = {str(path) for path in compiled.SOURCES}
    for function in functions:
        assert function.stats.cache_path.startswith(compiled.FOLDER)
        caller = function.py_func.__code__
        for called in map(function.py_func.__globals__.get, caller.co_names):
            file = called.py_func.__code__.co_filename if isinstance(called, Dispatcher) else caller.co_filename
            assert file == caller.co_filename or {file, caller.co_filename} <= sources


def test_the_setting_of_the_user_is_left_alone(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/scratch")
    function = compiled.compiled(find.py_func)
    assert numba.config.CACHE_DIR == "/scratch"
    assert function.stats.cache_path.startswith(compiled.FOLDER)
    with pytest.raises(TypeError):
        compiled.compiled("not a function")
    assert numba.config.CACHE_DIR == "/scratch"


CALLED = """
from raycluster.graph.kernel.compiled import compiled

@compiled
def called():
    return 1
"""
CALLER = """
from raycluster.graph.kernel.called import called
from raycluster.graph.kernel.compiled import compiled

@compiled
def caller():
    return 10 * called()
"""


@pytest.fixture
def kernel(tmp_path):
    """A kernel of two functions, whose files have different times of modification."""
    kernel = tmp_path / "package" / "raycluster" / "graph" / "kernel"
    kernel.mkdir(parents=True)
    for folder in (kernel, *kernel.parents[:2]):
        (folder / "__init__.py").touch()
    shutil.copy(compiled.__file__, kernel)
    (kernel / "called.py").write_text(CALLED)
    (kernel / "caller.py").write_text(CALLER)
    for second, file in enumerate(sorted(kernel.iterdir())):
        os.utime(file, (1e9 + second, 1e9 + second))
    return kernel


def call(kernel, home):
    program = "from raycluster.graph.kernel.caller import caller; print(caller())"
    environment = os.environ | {"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": str(home)}
    command = [sys.executable, "-B", "-c", program]
    found = subprocess.run(command, cwd=kernel.parents[2], env=environment, check=True, capture_output=True, text=True)
    return int(found.stdout)


def files_and_times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_change_to_a_called_file_compiles_its_callers_again_and_touches_no_source(kernel, tmp_path):
    assert call(kernel, tmp_path) == 10
    (kernel / "called.py").write_text(CALLED.replace("return 1", "return 2"))
    before = files_and_times(kernel)
    assert call(kernel, tmp_path) == 20
    assert files_and_times(kernel) == before
    assert len(list((tmp_path / ".cache" / "raycluster").iterdir())) == 2


@pytest.mark.slow
def test_without_a_folder_to_write_to_every_process_compiles_for_itself(kernel, tmp_path):
    (tmp_path / "file").touch()
    before = files_and_times(kernel)
    assert call(kernel, tmp_path / "file") == 10
    assert files_and_times(kernel) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "package"]
