import pytest

from raycluster.data.files.patterns import EVERYTHING, NOTHING, Patterns, expand_braces, split_pattern
from raycluster.errors import UserError


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("{a,b}.tar", ["a.tar", "b.tar"]),
        ("{008..010}", ["008", "009", "010"]),
        ("x{9..11}", ["x9", "x10", "x11"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{a,}{1..2}", ["a1", "a2", "1", "2"]),
        ("{a}", ["{a}"]),
    ],
)
def test_braces_are_expanded_as_in_a_shell(pattern, names):
    assert expand_braces(pattern) == names


@pytest.mark.parametrize("pattern", ["{0..99999999999999}", "{0..9999}{0..9999}"])
def test_too_many_alternatives_are_a_clear_error(pattern):
    with pytest.raises(UserError, match="use a wildcard"):
        expand_braces(pattern)


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("/a/b/*.png", ("/a/b", "*.png")),
        ("/a/[2019] trip/*.png", ("/a/[2019] trip", "*.png")),
        ("/a/[2020] trip/x.png", ("/a", "[2020] trip/x.png")),
        ("/a/{x,y}/z", ("/a", "{x,y}/z")),
        ("/a/b", ("/a/b", "")),
        ("/*.png", ("", "*.png")),
    ],
)
def test_a_pattern_begins_where_names_end_that_exist(path, split):
    assert split_pattern(path, {"/a", "/a/b", "/a/[2019] trip"}.__contains__) == split


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("*", ["a.png", "x/b.png", "x/y/c.png"]),
        ("*.png", ["a.png"]),
        ("**/*.png", ["a.png", "x/b.png", "x/y/c.png"]),
        ("x", ["x/b.png", "x/y/c.png"]),
        ("x/{b,none}.png", ["x/b.png"]),
        ("*/y", ["x/y/c.png"]),
        ("[xz]/?.png", ["x/b.png"]),
        ("*/[1].png", []),
    ],
)
def test_patterns_select_files_and_all_inside_folders(pattern, selected):
    names = ["a.png", "x/b.png", "x/y/c.png"]
    assert [name for name in names if Patterns.of(pattern).select(name)] == selected
    assert all(EVERYTHING.select(name) and not NOTHING.select(name) for name in names)


def test_a_name_that_is_spelled_like_its_pattern_is_selected():
    assert Patterns.of("*/[1] y/*.png").select("x/[1] y/a.png")
    assert Patterns.of("*/[1] y/*.png").select("x/1 y/a.png")


@pytest.mark.parametrize(
    ("pattern", "folder", "may"),
    [
        ("*.png", "x", False),
        ("*/*.png", "x", True),
        ("*/*.png", "x/y", False),
        ("x/*", "x/y/z", True),
        ("**/*.png", "x/y", True),
        ("{a,x}/b.png", "x", True),
        ("{a,x}/b.png", "y", False),
        ("{a,x}", "x/y", True),
        ("a/b/c", ".", True),
    ],
)
def test_only_folders_that_can_hold_what_is_wanted_are_searched(pattern, folder, may):
    assert Patterns.of(pattern).may_select_inside(folder) == may
    assert EVERYTHING.may_select_inside(folder)
    assert not NOTHING.may_select_inside(folder)
