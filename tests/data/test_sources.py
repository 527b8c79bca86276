import os
from pathlib import Path

import pytest
from pyarrow import fs

from raycluster.data import sources
from raycluster.data.sources import check_apart, kind_of, list_source
from raycluster.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Files by name, with as many bytes as their place in the list: listing does not look into them."""

    def make(*names: str) -> str:
        for size, name in enumerate(names):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x" * size)
        return str(tmp_path)

    return make


def test_a_folder_is_searched_to_the_bottom_and_sorted_by_name(folder):
    listing = list_source(folder("b/c/deep.png", "z.PNG", "a.jpeg", "b/图.webp"))
    assert listing.kind == "images"
    assert listing.names == ["a.jpeg", "b/c/deep.png", "b/图.webp", "z.PNG"]
    assert listing.sizes == [2, 0, 3, 1]
    assert listing.notes == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.JPG", "images"),
        ("a.tif", "images"),
        ("a.pq", "parquet"),
        ("a.npz", "npz"),
        ("a.npy", "npy"),
        ("a.tar", "tar"),
        ("train-images-idx3-ubyte.gz", "idx"),
        ("train-images.idx3-ubyte", "idx"),
        ("train-labels-idx1-ubyte.gz", None),
        ("a.txt", None),
        ("a.tar.gz", None),
    ],
)
def test_kinds_go_by_the_name(name, kind):
    assert kind_of(name) == kind


def test_what_is_no_input_is_counted_by_extension(folder):
    listing = list_source(folder("a.png", "b.txt", "c.txt", "README", ".hidden.png", "d/.DS_Store"))
    assert listing.names == ["a.png"]
    assert listing.notes == ["Files other than image files were left out: 2 .txt, 2 hidden, 1 without an extension."]


def test_hidden_folders_are_not_searched(folder):
    listing = list_source(folder(".cache/a.png", "b.png"))
    assert (listing.names, listing.notes) == (["b.png"], [])


def test_labels_files_of_idx_are_no_inputs(folder):
    listing = list_source(folder("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"))
    assert (listing.kind, listing.names, listing.notes) == ("idx", ["t10k-images-idx3-ubyte.gz"], [])


def test_one_file_is_a_source(folder):
    assert list_source(folder("a.png", "b.png") + "/b.png").names == ["b.png"]


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
    listing = list_source(f"{root}/{pattern}")
    assert [os.path.join(listing.location.base, name) for name in listing.names] == [f"{root}/{name}" for name in names]


def test_a_name_with_signs_of_a_glob_is_taken_as_it_stands_if_it_exists(folder):
    assert list_source(folder("a[1].png", "a1.png") + "/a[1].png").names == ["a[1].png"]


def test_a_relative_path_and_a_uri_mean_the_same(folder, tmp_path, monkeypatch):
    folder("in/a b.png")
    monkeypatch.chdir(tmp_path)
    assert list_source("in").names == list_source(f"file://{tmp_path}/in").names == ["a b.png"]
    assert list_source(f"file://{tmp_path}/in").location.read("a b.png") == b""


def test_other_file_systems_are_listed_and_read_alike(folder, tmp_path, monkeypatch):
    folder("b/c.png", "a.png", "note.txt", ".hidden.png")
    elsewhere = fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem())
    monkeypatch.setattr(sources, "_open_filesystem", lambda source: (elsewhere, tmp_path.name))
    listing = list_source("s3://bucket")
    assert (listing.names, listing.sizes) == (["a.png", "b/c.png"], [1, 0])
    assert listing.notes == ["Files other than image files were left out: 1 .txt, 1 hidden."]
    assert listing.location.read("a.png") == b"x"
    assert listing.location.has_file("b/c.png")
    assert not listing.location.has_file("b")


def test_links_are_followed_but_not_in_circles(folder, tmp_path):
    root = folder("one/a.png", "two/b.png")
    (tmp_path / "one" / "back").symlink_to("..")
    (tmp_path / "one" / "other").symlink_to(tmp_path / "two")
    assert list_source(f"{root}/one").names == ["a.png", "other/b.png"]


def test_a_link_to_nowhere_is_listed_and_a_pipe_is_not(folder, tmp_path):
    root = folder("a.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert list_source(root).names == ["a.png", "gone.png"]


def test_names_that_are_no_utf8_are_listed_and_read(folder, tmp_path):
    root = folder("a.png")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(b"latin")
    listing = list_source(root)
    assert [listing.location.read(name) for name in listing.names] == [b"", b"latin"]


@pytest.mark.parametrize(
    ("names", "source", "sentence"),
    [
        (["a.png"], "/none", "There is no file or folder"),
        (["a.png"], "/none/*.png", "there is no folder"),
        (["a.png"], "/*.jpg", "No file matches"),
        ([], "", "holds no files"),
        (["a.txt", "b.csv"], "", r"no file of a kind that is read \(1 .csv, 1 .txt\)"),
        (["x-labels-idx1-ubyte"], "", r"no file of a kind that is read \(IDX labels\)"),
        (["a.png", "b.png", "c.parquet"], "", r"2 image files and 1 Parquet files.*such as '.*/\*\*/\*.png'"),
    ],
)
def test_a_source_without_one_kind_of_inputs_is_a_clear_error(folder, names, source, sentence):
    with pytest.raises(UserError, match=sentence):
        list_source(folder(*names) + source)


@pytest.mark.parametrize("source", ["foo://bucket/images", "file:// bad"])
def test_a_uri_that_cannot_be_opened_is_a_clear_error(source):
    with pytest.raises(UserError, match="cannot be opened"):
        list_source(source)


def test_links_in_a_circle_are_searched_once(folder, tmp_path):
    folder("a/1.png", "b/2.png")
    (tmp_path / "a" / "to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "to_a").symlink_to(tmp_path / "a")
    assert len(list_source(str(tmp_path)).names) == 2


def test_results_within_the_source_are_refused(folder, tmp_path):
    source = folder("a.png", "sub/b.png", "other/c.png")
    inside, beside = Path(source) / "sub", Path(f"{source}-out")
    for data in (source, f"{source}/*/*.png"):
        with pytest.raises(UserError, match=r"--out .*sub lies within --data"):
            check_apart(data, list_source(data), inside)
        check_apart(data, list_source(data), beside)
    check_apart(f"{source}/other/*.png", list_source(f"{source}/other/*.png"), inside)
    check_apart(f"{source}/a.png", list_source(f"{source}/a.png"), inside)


def test_a_file_of_which_nothing_can_be_told_now_has_a_size_below_0(folder):
    source = folder("a.png")
    (Path(source) / "b.png").symlink_to("b.png")
    assert list_source(source).sizes[1] == -1
