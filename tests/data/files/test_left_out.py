import pytest

from raycluster.data.files.left_out import is_set_apart, left_out_reason, summarize


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a/b.png", None),
        ("./a/../b.png", None),
        (".b.png", "hidden"),
        ("a/._b.png", "metadata of macOS (._)"),
        (".git/b.png", "in a hidden folder (.git)"),
        ("a/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg", "a thumbnail of a network drive (@eaDir)"),
        ("__MACOSX/a/._b.png", "metadata that macOS adds to archives (__MACOSX)"),
        ("a/.thumbnails/b.png", "a thumbnail (.thumbnails)"),
        ("#recycle/b.png", "in the recycle bin of a network drive (#recycle)"),
        ("a/Thumbs.db", "thumbnails of Windows (Thumbs.db)"),
    ],
)
def test_names_tell_what_programs_leave_behind(name, reason):
    assert left_out_reason(name) == reason


@pytest.mark.parametrize(
    ("pattern", "excluded"),
    [
        ("*.gif", ["a/b/2.gif"]),
        ("b", ["a/b/1.png", "a/b/2.gif", "b/3.png"]),
        ("a/b", ["a/b/1.png", "a/b/2.gif"]),
        ("a/*/1.*", ["a/b/1.png"]),
        ("**/b/*.png", ["a/b/1.png", "b/3.png"]),
        ("{1,3}.png", ["a/b/1.png", "b/3.png"]),
        ("a", ["a/b/1.png", "a/b/2.gif"]),
        ("a/", ["a/b/1.png", "a/b/2.gif"]),
    ],
)
def test_patterns_exclude_by_name_anywhere_or_by_path(pattern, excluded):
    names = ["a/b/1.png", "a/b/2.gif", "b/3.png", "ab/4.png"]
    assert [name for name in names if left_out_reason(name, [pattern])] == excluded


def test_a_file_that_the_user_names_is_only_left_out_if_the_user_excludes_it():
    assert left_out_reason(".b.png", is_named=True) is None
    assert left_out_reason(".b.png", ["x", "*.png"], is_named=True) == "excluded by *.png"


def test_folders_that_are_left_out_as_a_whole_are_known():
    assert [is_set_apart(folder) for folder in ("a", ".a", "a/.b", "@eaDir/c")] == [False, True, True, True]


def test_reasons_are_counted():
    assert summarize(["b", "a", "b"]) == "2 × b, 1 × a"
