from dataclasses import dataclass, fields
from typing import Literal

import pytest

from raycluster.cli.tyro_form import REPRODUCTION, build, flags_of, form, values_of
from raycluster.methods import METHODS, find_method
from raycluster.options import ClusterOptions, EmbedOptions, SweepOptions, TrainOptions
from raycluster.reproduction_only import Reproduction


@dataclass(frozen=True, kw_only=True)
class ShapeOptions:
    size: int | None = None
    """How large.
    Very large."""
    tint: Literal["red", "blue"] = "red"
    """Which color."""


@dataclass(frozen=True, kw_only=True)
class BrushOptions(ShapeOptions):
    tint: Literal["red", "blue"] = "blue"
    strokes: Reproduction[tuple[float, ...]] = (1.0, 2.0)
    """Where to paint."""
    name: str
    """How to call it."""


def test_inherited_fields_stand_in_boxes_of_their_own_and_reproduction_apart():
    flags = {flag.name: flag for flag in flags_of(BrushOptions, "brush")}
    assert {name: flag.box for name, flag in flags.items()} == {
        "strokes": REPRODUCTION,
        "name": "brush",
        "size": "shape",
        "tint": "shape",
    }
    assert list(flags)[:2] == ["strokes", "name"]  # its own first
    assert flags["size"].help == "How large. Very large."
    assert (flags["tint"].help, flags["tint"].default) == ("Which color.", "blue")
    assert flags["strokes"].hint == tuple[float, ...]


def test_defaults_may_come_from_an_instance():
    flags = {flag.name: flag.default for flag in flags_of(BrushOptions, defaults=BrushOptions(name="a", size=3))}
    assert flags == {"name": "a", "size": 3, "tint": "blue", "strokes": (1.0, 2.0)}


def test_parsed_flags_become_the_dataclass_again(capsys, monkeypatch):
    import tyro

    monkeypatch.setenv("COLUMNS", "100")
    kind = form("brush", flags_of(BrushOptions))
    parsed = tyro.cli(kind, args=["--name", "x", "--strokes", "3", "--size", "4"], config=(tyro.conf.OmitArgPrefixes,))
    assert build(BrushOptions, values_of(parsed)) == BrushOptions(name="x", strokes=(3.0,), size=4)
    with pytest.raises(SystemExit):
        tyro.cli(kind, args=["--help"], config=(tyro.conf.OmitArgPrefixes,))
    shown = capsys.readouterr().out
    for text in ("--name TEXT", "--size N ", "--tint red|blue", "--strokes X ...", "(default: 1.0 2.0)", "(required)"):
        assert text in shown
    assert "None" not in shown
    assert shown.index("shape options") < shown.index("reproduction options")


KINDS = (TrainOptions, SweepOptions, EmbedOptions, ClusterOptions, *(find_method(name).settings for name in METHODS))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_option_is_explained_in_sentences_that_stand_alone(kind):
    flags = flags_of(kind)
    assert [flag.name for flag in flags] != []
    assert {flag.name for flag in flags} == {field.name for field in fields(kind)}
    for flag in flags:
        assert flag.help.endswith((".", ")")), flag
        assert "As for" not in flag.help, flag
        if flag.default is None:
            assert "efault:" in flag.help or flag.name in ("weights", "time_budget"), flag
