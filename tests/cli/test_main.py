import re
import shlex
import subprocess
import sys

import pytest

import raycluster
from raycluster.cli.main import COMMANDS, parse
from raycluster.methods import METHODS

SCREENS = ["", *COMMANDS, *(f"{command} {method}" for command in ("train", "sweep") for method in METHODS)]
ABOUTS = [command.about for command in COMMANDS.values()]


def examples():
    """Return every example in the help of a command as words, without what explains it."""
    joined = re.sub(r"\\\n\s+", "", "\n".join(ABOUTS))
    lines = [line.strip().partition("  ")[0] for line in joined.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("raycluster ")]


def test_help_lists_the_commands_in_one_line_each(call):
    code, shown, _ = call("--help")
    assert code == 0
    for command in COMMANDS.values():
        assert f"• {command.name:<9} {command.summary} " in shown
    assert call("")[1] == shown


def test_the_version_is_told(call):
    assert call("--version") == (0, f"raycluster {raycluster.__version__}\n", "")


def test_the_module_is_the_command():
    told = subprocess.check_output([sys.executable, "-m", "raycluster", "--version"], text=True)
    assert told == f"raycluster {raycluster.__version__}\n"


def test_help_imports_nothing_that_takes_long():
    code = f"""
import contextlib, sys
from raycluster.cli.main import main
for screen in {SCREENS!r}:
    with contextlib.suppress(SystemExit):
        main([*screen.split(), "--help"])
print([name for name in ("ray", "torch", "numba", "faiss", "sklearn", "scipy", "pyarrow") if name in sys.modules])
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()[-1] == "[]"


@pytest.mark.parametrize(("columns", "most"), [(80, 140), (100, 118), (120, 104)])
@pytest.mark.parametrize("screen", SCREENS)
def test_help_fits_two_screens_and_their_width(screen, columns, most, call):
    code, shown, _ = call(f"{screen} --help", columns)
    assert code == 0
    assert len(shown.splitlines()) <= most
    assert max(map(len, shown.splitlines())) <= columns


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_keep_their_lines(name, call):
    shown = call(f"{name} --help", 80)[1].splitlines()
    written = [line for line in COMMANDS[name].about.splitlines() if line.startswith(" ")]
    assert f"  raycluster {name} " in "\n".join(written)
    assert [line for line in shown if line in written] == written


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_every_example_is_understood(words, tmp_path, monkeypatch):
    if words[-1] in ("--help", "--version"):
        return
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps" / "photos").mkdir(parents=True)
    (tmp_path / "sweeps" / "photos" / "best.json").write_text('{"method": "dccm", "alpha": 2.0}')
    command, values = parse(words)
    assert command.name == words[0]
    asked = words[1] if words[1:] and words[1] in METHODS else "dccm" if "--config" in words else "jule"
    assert values.get("method", asked) == asked


def test_the_help_of_train_and_sweep_names_all_methods(call):
    for name in ("train", "sweep"):
        shown = call(f"{name} --help")[1]
        for method in METHODS:
            assert f"• {method} " in shown


def test_what_only_reproduces_papers_comes_last(call):
    boxes = [line.split(" ─")[0][3:] for line in call("train jule --help")[1].splitlines() if line[:1] == "╭"]
    assert boxes == [
        f"{box}options"
        for box in ("", "image ", "clustering ", "resource ", "jule ", "pretrained ", "graph ", "reproduction ")
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("trian", "Available subcommands: train, embed"),
        ("train dcm", "Available subcommands: jule, dccm, concurl"),
        ("train jule --unrol-rate 0.5", "--unroll-rate"),
        ("train --preset fast", "--preset"),
        ("train --clusters many", "--clusters"),
        ("embed --model run", "--out"),
    ],
)
def test_words_that_cannot_be_parsed_are_answered_with_2(line, said, call):
    code, _, error = call(line)
    assert code == 2
    assert said in error


def test_quiet_is_a_flag_of_every_command():
    needed = {
        "embed": "--model m --data d --out o",
        "cluster": "--embeddings e --clusters 2 --out o",
        "assign": "--model m --data d --out o",
        "evaluate": "--run r",
        "show": "r",
        "export": "--run r --format numpy --out o",
        "sweep": "--data d --out o",
    }
    for name in COMMANDS:
        words = [name, *needed.get(name, "").split()]
        assert [parse(words)[1]["quiet"], parse([*words, "--quiet"])[1]["quiet"]] == [False, True]
