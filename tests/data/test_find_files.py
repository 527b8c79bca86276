import os
from pathlib import Path

import pytest
from pyarrow import fs

from raycluster.data import find_files as module
from raycluster.data.find_files import FileInfo, find_files
from raycluster.errors import UserError


def test_a_folder_is_searched_recursively_with_hidden_files_but_not_hidden_folders(folder):
    found = find_files(folder("a.png", "b/c.txt", ".hidden.png", ".cache/d.png"))
    assert {name: info.size for name, info in found.files.items()} == {"a.png": 0, "b/c.txt": 1, ".hidden.png": 2}
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
    location, files, _ = find_files(f"{root}/{pattern}")
    assert sorted(os.path.join(location.base, name) for name in files) == [f"{root}/{name}" for name in names]


def test_a_name_with_wildcard_characters_is_taken_literally_if_it_exists(folder):
    assert list(find_files(folder("a[1].png", "a1.png") + "/a[1].png").files) == ["a[1].png"]


def test_a_relative_path_and_a_uri_mean_the_same(folder, tmp_path, monkeypatch):
    folder("in/a b.png")
    monkeypatch.chdir(tmp_path)
    assert list(find_files("in").files) == list(find_files(f"file://{tmp_path}/in").files) == ["a b.png"]
    assert find_files(f"file://{tmp_path}/in").location.read("a b.png") == b""


def test_other_file_systems_are_searched_the_same_way(folder, tmp_path, monkeypatch):
    folder("b/c.png", "a.png")
    elsewhere = fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem())
    monkeypatch.setattr(module, "open_filesystem", lambda source: (elsewhere, tmp_path.name))
    location, files, _ = find_files("s3://bucket")
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


def test_a_broken_link_is_found_and_a_pipe_is_not(folder, tmp_path):
    root = folder("a.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    files = find_files(root).files
    assert sorted(files) == ["a.png", "gone.png"]
    assert files["gone.png"] == FileInfo(0, 0)


def test_a_file_that_cannot_be_examined_has_a_size_below_0(folder):
    source = folder("a.png")
    (Path(source) / "b.png").symlink_to("b.png")
    assert find_files(source).files["b.png"].size == -1


def test_names_that_are_not_utf8_are_found_and_read(folder, tmp_path):
    root = folder("a.png")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(b"latin")
    location, files, _ = find_files(root)
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
