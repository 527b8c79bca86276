import os
from pathlib import Path

import pytest
from pyarrow import fs

from raycluster.data import find_files
from raycluster.data.sources import check_apart, kind_of, list_source, printable, resolve_source
from raycluster.errors import UserError


def test_a_folder_is_searched_recursively_and_sorted_by_name(folder):
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
def test_the_kind_follows_from_the_name(name, kind):
    assert kind_of(name) == kind


def test_other_files_are_counted_by_extension(folder):
    listing = list_source(folder("a.png", "b.txt", "c.txt", "README", ".hidden.png", "d/.DS_Store"))
    assert listing.names == ["a.png"]
    assert listing.notes == ["Files other than image files were skipped: 2 .txt, 2 hidden, 1 without an extension."]


def test_hidden_folders_are_not_searched(folder):
    listing = list_source(folder(".cache/a.png", "b.png"))
    assert (listing.names, listing.notes) == (["b.png"], [])


def test_idx_labels_files_are_not_inputs(folder):
    listing = list_source(folder("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"))
    assert (listing.kind, listing.names, listing.notes) == ("idx", ["t10k-images-idx3-ubyte.gz"], [])


def test_one_file_is_a_source(folder):
    assert list_source(folder("a.png", "b.png") + "/b.png").names == ["b.png"]


def test_other_file_systems_are_listed_the_same_way(folder, tmp_path, monkeypatch):
    folder("b/c.png", "a.png", "note.txt", ".hidden.png")
    elsewhere = fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem())
    monkeypatch.setattr(find_files, "open_filesystem", lambda source: (elsewhere, tmp_path.name))
    listing = list_source("s3://bucket")
    assert (listing.names, listing.sizes) == (["a.png", "b/c.png"], [1, 0])
    assert listing.notes == ["Files other than image files were skipped: 1 .txt, 1 hidden."]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "holds no files: name a folder, file or glob with image"),
        (["a.txt", "b.csv"], r"holds no supported files \(1 .csv, 1 .txt\)"),
        (["x-labels-idx1-ubyte"], r"holds no supported files \(IDX labels\)"),
        (["a.png", "b.png", "c.parquet"], r"2 image files and 1 Parquet files.*such as '.*/\*\*/\*.png'"),
    ],
)
def test_a_source_without_exactly_one_kind_of_input_is_a_clear_error(folder, names, sentence):
    with pytest.raises(UserError, match=sentence):
        list_source(folder(*names))


def test_an_output_folder_inside_the_source_is_an_error(folder):
    source = folder("a.png", "sub/b.png", "other/c.png")
    inside, beside = Path(source) / "sub", Path(f"{source}-out")
    for data in (source, f"{source}/*/*.png"):
        with pytest.raises(UserError, match=r"--out .*sub is inside --data"):
            check_apart(data, list_source(data), inside)
        check_apart(data, list_source(data), beside)
    check_apart(f"{source}/other/*.png", list_source(f"{source}/other/*.png"), inside)
    check_apart(f"{source}/a.png", list_source(f"{source}/a.png"), inside)


def test_a_local_source_becomes_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_source("images/../images") == f"{tmp_path}/images"
    assert [resolve_source(source) for source in ("digits", "s3://bucket/a")] == ["digits", "s3://bucket/a"]


def test_bytes_that_are_not_utf8_are_escaped(folder):
    assert printable(os.fsdecode(b"caf\xe9/\xc3\xa9")) == r"caf\xe9/é"
