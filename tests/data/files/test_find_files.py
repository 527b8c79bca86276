import os
from pathlib import Path

import pytest
from pyarrow import fs

from raycluster.data.files import find_files as module
from raycluster.data.files.find_files import FileInfo, find_files, look_up
from raycluster.data.files.location import Location
from raycluster.errors import UserError


def test_a_folder_is_searched_recursively_with_hidden_files_and_folders(folder):
    found = find_files(folder("a.png", "b/c.txt", ".hidden.png", ".cache/d.png"))
    sizes = {"a.png": 0, "b/c.txt": 1, ".hidden.png": 2, ".cache/d.png": 3}
    assert {name: info.size for name, info in found.files.items()} == sizes
    assert found.unreadable == []


def test_a_single_file_has_its_size_and_modification_time(folder):
    path = folder("a.png", "b.png") + "/b.png"
    os.utime(path, ns=(0, 123_456_789_000))
    assert find_files(path).files == {"b.png": FileInfo(1, 123_456_789_000)}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.png", ["a.png"]),
        ("**/*.png", ["a.png", "x/b.png", "x/y/c.png"]),
        ("x/*", ["x/b.png", "x/y/c.png"]),
        ("x/**", ["x/b.png", "x/y/c.png"]),
        ("[xz]/?.png", ["x/b.png"]),
        ("*/y", ["x/y/c.png"]),
    ],
)
def test_globs_match_part_by_part_and_folders_that_match_are_searched(folder, pattern, names):
    root = folder("a.png", "x/b.png", "x/y/c.png")
    location, files, *_ = find_files(f"{root}/{pattern}")
    assert sorted(os.path.join(location.base, name) for name in files) == [f"{root}/{name}" for name in names]


def test_a_name_with_wildcard_characters_is_taken_literally_if_it_exists(folder):
    assert list(find_files(folder("a[1].png", "a1.png") + "/a[1].png").files) == ["a[1].png"]


def test_a_folder_with_wildcard_characters_is_literal_as_the_base_of_a_glob(folder):
    root = folder("[1] x/a.png", "1/b.png")
    assert list(find_files(f"{root}/[1] x/*.png").files) == ["a.png"]
    assert list(find_files(f"{root}/[1]*/*.png").files) == ["1/b.png"]


def test_braces_name_files_and_those_that_are_missing_are_told(folder):
    found = find_files(folder("0.tar", "2.tar", "3.tar") + "/{0..2}.tar")
    assert {name: info.problem for name, info in found.files.items()} == {
        "0.tar": "",
        "1.tar": "there is no such file",
        "2.tar": "",
    }


def test_a_relative_path_and_a_uri_mean_the_same(folder, tmp_path, monkeypatch):
    folder("in/a b.png")
    monkeypatch.chdir(tmp_path)
    assert list(find_files("in").files) == list(find_files(f"file://{tmp_path}/in").files) == ["a b.png"]
    assert find_files(f"file://{tmp_path}/in").location.read("a b.png") == b""


def test_other_file_systems_are_searched_the_same_way(folder, tmp_path, monkeypatch):
    folder("b/c.png", "a.png")
    elsewhere = fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem())
    monkeypatch.setattr(module, "open_filesystem", lambda source: (elsewhere, tmp_path.name))
    location, files, *_ = find_files("s3://bucket")
    assert {name: info.size for name, info in files.items()} == {"a.png": 1, "b/c.png": 0}
    assert location.read("a.png") == b"x"


def test_links_are_followed_but_not_in_circles(folder, tmp_path):
    root = folder("one/a.png", "two/b.png")
    (tmp_path / "one" / "back").symlink_to("..")
    (tmp_path / "one" / "other").symlink_to(tmp_path / "two")
    assert sorted(find_files(f"{root}/one").files) == ["a.png", "other/b.png"]


def test_folders_that_link_to_each_other_are_searched_once(folder, tmp_path):
    folder("a/1.png", "b/2.png")
    (tmp_path / "a" / "to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "to_a").symlink_to(tmp_path / "a")
    assert len(find_files(str(tmp_path)).files) == 2


def test_of_two_ways_into_a_folder_the_first_by_name_is_taken(folder, tmp_path):
    root = folder("a/1.png", "b/c/2.png")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b" / "c")
    assert sorted(find_files(root).files) == ["a/1.png", "a/link/2.png"]


def test_a_hidden_link_does_not_take_the_place_of_a_folder(folder, tmp_path):
    root = folder("x/photos/a.png", ".cache/b.png")
    (tmp_path / ".cache" / "photos").symlink_to(tmp_path / "x" / "photos")
    assert sorted(find_files(root).files) == [".cache/b.png", "x/photos/a.png"]


def test_a_broken_link_is_a_file_and_a_pipe_says_what_it_is(folder, tmp_path):
    root = folder("a.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    files = find_files(root).files
    assert files["gone.png"] == FileInfo(0, 0)
    assert {name: info.problem for name, info in files.items()} == {
        "a.png": "",
        "gone.png": "",
        "pipe.png": "not a regular file",
    }
    assert find_files(f"{root}/pipe.png").files["pipe.png"].problem == "not a regular file"


def test_a_file_that_cannot_be_examined_has_a_size_below_0(folder):
    source = folder("a.png")
    (Path(source) / "b.png").symlink_to("b.png")
    assert find_files(source).files["b.png"].size == -1


def test_names_that_are_not_utf8_are_found_and_read(folder, tmp_path):
    root = folder("a.png")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(b"latin")
    location, files, *_ = find_files(root)
    assert [location.read(name) for name in sorted(files)] == [b"", b"latin"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("/none", "There is no file or folder"),
        ("/none/*.png", "there is no folder"),
        ("/*.jpg", "No file matches"),
    ],
)
def test_a_source_that_does_not_exist_is_a_clear_error(folder, source, sentence):
    with pytest.raises(UserError, match=sentence):
        find_files(folder("a.png") + source)


@pytest.mark.parametrize("source", ["", "  "])
def test_an_empty_source_is_not_the_current_folder(source):
    with pytest.raises(UserError, match="is empty"):
        find_files(source)


def test_secrets_are_not_in_messages():
    with pytest.raises(UserError) as error:
        find_files("s3://KEY1234:SECRET5678@bucket/a?access_token=TOKEN90")
    assert not any(secret in str(error.value) for secret in ("KEY1234", "SECRET5678", "TOKEN90"))


def test_names_are_looked_up_one_by_one(folder, tmp_path):
    root = folder("a.png", "b/c.png")
    found = look_up(Location(root), ["b/c.png", f"{root}/a.png", "b", "none", "nul\0"])
    assert [(info.size, info.problem) for info in found.values()] == [
        (1, ""),
        (0, ""),
        (0, "a folder, not a file"),
        (0, "there is no such file"),
        (0, "there is no such file"),
    ]
    elsewhere = Location(tmp_path.name, fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem()))
    found = look_up(elsewhere, ["b/c.png", "b", "none"])
    assert [info.problem for info in found.values()] == ["", "a folder, not a file", "there is no such file"]


class _Unreachable(fs.FileSystemHandler):
    """A client written in Python whose connection fails."""

    def get_file_info(self, paths):
        raise KeyError("no route to the host.")

    def __getattr__(self, name):
        raise NotImplementedError(name)


for _method in fs.FileSystemHandler.__abstractmethods__ - {"get_file_info"}:
    setattr(_Unreachable, _method, lambda self, *args: "unreachable")
_Unreachable.__abstractmethods__ = frozenset()


def test_whatever_a_remote_file_system_raises_becomes_a_sentence(monkeypatch):
    elsewhere = fs.PyFileSystem(_Unreachable())
    monkeypatch.setattr(module, "open_filesystem", lambda source: (elsewhere, "bucket/x"))
    with pytest.raises(UserError, match=r"bucket/x cannot be reached: 'no route to the host.'\."):
        find_files("hf://bucket/x")
    with pytest.raises(UserError, match=r"b cannot be reached: "):
        look_up(Location("b", elsewhere), ["c"])
