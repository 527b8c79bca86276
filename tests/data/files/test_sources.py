import io
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyarrow import fs

from raycluster.data.files import find_files
from raycluster.data.files.sources import (
    VECTOR_SOURCES,
    check_apart,
    list_images,
    list_source,
    printable,
    resolve_source,
)
from raycluster.errors import UserError


def test_a_folder_is_searched_recursively_and_sorted_by_name(folder):
    listing = list_images(folder("b/c/deep.png", "z.PNG", "a.jpeg", "b/图.webp"))
    assert listing.kind == "images"
    assert listing.names == ["a.jpeg", "b/c/deep.png", "b/图.webp", "z.PNG"]
    assert listing.sizes == [2, 0, 3, 1]
    assert (listing.notes, listing.reasons) == ([], {})


def test_every_file_is_listed_with_its_kind_or_the_reason_why_it_is_left_out(folder, tmp_path):
    names = ["a.png", "b.txt", "c.TXT", "README", ".hidden.png", ".d/e.png", "f.npy", "g.tar", "@eaDir/h.jpg"]
    source = folder(*names)
    os.mkfifo(tmp_path / "pipe.png")
    listing = list_images(source)
    assert listing.names == sorted([*names, "pipe.png"])
    assert {name: kind for name, kind in zip(listing.names, listing.kinds, strict=True) if kind} == {
        "a.png": "images",
        "g.tar": "tar",
    }
    assert listing.reasons == {
        "b.txt": "not an image: .txt",
        "c.TXT": "not an image: .txt",
        "README": "not an image: no suffix, and no image inside",
        ".hidden.png": "hidden",
        ".d/e.png": "in a hidden folder (.d)",
        "f.npy": "NPY files are not read here",
        "@eaDir/h.jpg": "a thumbnail of a network drive (@eaDir)",
        "pipe.png": "not a regular file",
    }
    assert listing.kind == "images and tar"
    assert listing.notes[0].startswith("Left out of 10 files: 2 × not an image: .txt, 1 × NPY files")


def test_what_the_user_excludes_is_listed_with_the_pattern(folder):
    listing = list_images(folder("a.png", "old/b.png", "c.gif"), ["old", "*.gif"])
    assert listing.reasons == {"old/b.png": "excluded by old", "c.gif": "excluded by *.gif"}


def test_files_without_a_suffix_are_known_by_their_content(folder, tmp_path):
    source = folder("a.png", "text")
    buffer = io.BytesIO()
    Image.new("L", (2, 2)).save(buffer, "PNG")
    (tmp_path / "noext").write_bytes(buffer.getvalue())
    listing = list_images(source)
    assert dict(zip(listing.names, listing.kinds, strict=True)) == {"a.png": "images", "noext": "images", "text": ""}


def test_idx_labels_files_and_metadata_are_no_rows(folder, tmp_path):
    listing = list_images(folder("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"))
    assert (listing.kind, listing.names, listing.notes) == ("idx", ["t10k-images-idx3-ubyte.gz"], [])
    source = folder("x/a.png", "x/b/c.png")
    (tmp_path / "x" / "metadata.csv").write_text("file_name,label\na.png,1\nb/c.png,2\n")
    listing = list_images(f"{source}/x")
    assert (listing.names, listing.notes) == (["a.png", "b/c.png"], [])
    assert listing.labels == {"a.png": "1", "b/c.png": "2"}


def test_classes_of_images_that_are_not_there_are_told(folder, tmp_path):
    source = folder("a.png", "sub/b.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\na.png,1\nb.png,2\nc.png,3\n")
    listing = list_images(source)
    assert listing.notes == ["metadata.csv has classes for images that are not there: 2."]
    assert listing.labels["a.png"] == "1"


def test_labels_without_images_and_tables_that_name_no_images_are_left_out(folder):
    source = folder("a.png", "x-labels-idx1-ubyte", "metadata.csv", "other/metadata.csv")
    assert list_images(source).reasons == {
        "x-labels-idx1-ubyte": "labels without images",
        "metadata.csv": "not an image: .csv",
        "other/metadata.csv": "not an image: .csv",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_listed_and_not_waited_for(folder, tmp_path):
    source = folder("a.png")
    for name in ("metadata.csv", "no_suffix", "b.png", "b.parquet"):
        os.mkfifo(tmp_path / name)
    assert set(list_images(source).reasons.values()) == {"not a regular file"}


def test_a_table_of_paths_beside_its_images_does_not_repeat_them(folder, tmp_path):
    source = folder("a.png")
    pq.write_table(pa.table({"path": ["a.png"]}), tmp_path / "t.parquet")
    assert list_images(source).reasons == {"t.parquet": "a table without images, beside image files"}
    assert list_images(f"{source}/t.parquet").kinds == ["parquet"]


def test_one_file_is_a_source_even_if_it_is_hidden(folder):
    source = folder("a.png", "b.png", ".c.png")
    assert list_images(source + "/b.png").names == ["b.png"]
    assert list_images(source + "/.c.png").kinds == ["images"]


def test_a_list_of_files_is_a_source(folder, tmp_path):
    source = folder("x/a.png", "x/.b.png", "c.txt", "d.png")
    (tmp_path / "x" / "list.txt").write_text(f"a.png\n.b.png\n../c.txt\nnone.png\n{source}/d.png\na.png\n")
    listing = list_images(f"{source}/x/list.txt")
    assert listing.names == sorted(["a.png", ".b.png", "../c.txt", "none.png", f"{source}/d.png"])
    assert listing.reasons == {"../c.txt": "not an image: .txt", "none.png": "there is no such file"}
    assert "list.txt repeats files (1 times)" in listing.notes[0]
    (tmp_path / "list.csv").write_text("label,path\ncat,x/a.png\n,d.png\n")
    listing = list_images(f"{source}/list.csv")
    assert (listing.names, listing.labels) == (["d.png", "x/a.png"], {"x/a.png": "cat"})


def test_other_file_systems_are_listed_the_same_way(folder, tmp_path, monkeypatch):
    folder("b/c.png", "a.png", "note.txt", ".hidden.png")
    elsewhere = fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem())
    monkeypatch.setattr(find_files, "open_filesystem", lambda source: (elsewhere, tmp_path.name))
    listing = list_images("s3://bucket")
    assert (listing.names, listing.sizes) == ([".hidden.png", "a.png", "b/c.png", "note.txt"], [3, 1, 0, 2])
    assert listing.reasons == {"note.txt": "not an image: .txt", ".hidden.png": "hidden"}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "holds no files: name a folder, file or glob with image"),
        (["a.txt", "b.csv"], r"holds no supported files \(1 × not an image: .csv, 1 × not an image: .txt\)"),
        (["x-labels-idx1-ubyte"], r"holds no supported files \(1 × labels without images\)"),
        ([".a.png", ".b.png"], r"holds no supported files \(2 × hidden\)"),
    ],
)
def test_a_source_without_anything_usable_is_a_clear_error(folder, names, sentence):
    with pytest.raises(UserError, match=sentence):
        list_images(folder(*names))


def test_only_the_files_of_some_kinds_are_listed_if_asked_for(folder):
    source = folder("a.npy", "b.png", ".c.npy")
    listing = list_source(source, VECTOR_SOURCES)
    assert (listing.kind, listing.names, listing.sizes) == ("npy", ["a.npy"], [0])
    assert listing.notes == ["Left out of 3 files: 1 × hidden, 1 × not a table of vectors: .png."]
    with pytest.raises(UserError, match="1 NPY files and 1 Parquet files: select one kind with a glob"):
        list_source(folder("d.parquet"), VECTOR_SOURCES)


@pytest.mark.parametrize("pattern", ["", "/*/*.png", "/sub", "/{sub,other}/*.png", "/**/*.png"])
def test_an_output_folder_where_files_are_searched_for_is_an_error(folder, pattern):
    source = folder("a.png", "sub/b.png", "other/c.png")
    listing = list_images(source + pattern)
    for inside in (Path(source) / "sub", Path(source) / "sub" / "new"):
        if pattern in ("", "/sub", "/**/*.png") or inside.name == "sub":
            with pytest.raises(UserError, match=r"--out .* is inside --data"):
                check_apart(source + pattern, listing, inside)
    check_apart(source + pattern, listing, Path(f"{source}-out"))


@pytest.mark.parametrize("pattern", ["/*.png", "/other", "/other/*.png", "/a.png", "/{a,d}.png", "/list.txt"])
def test_an_output_folder_beside_what_is_searched_is_no_error(folder, tmp_path, pattern):
    source = folder("a.png", "sub/b.png", "other/c.png")
    (tmp_path / "list.txt").write_text("a.png\nother/c.png\n")
    check_apart(source + pattern, list_images(source + pattern), Path(source) / "sub")


def test_an_output_folder_that_holds_a_listed_file_is_an_error(folder, tmp_path):
    source = folder("a.png", "sub/b.png")
    (tmp_path / "list.txt").write_text("a.png\nsub/b.png\n")
    for data in (f"{source}/list.txt", f"{source}/sub/b.png"):
        with pytest.raises(UserError, match="is inside"):
            check_apart(data, list_images(data), Path(source) / "sub")


def test_digits_are_apart_from_everything():
    check_apart("digits", list_images("digits"), Path.cwd())


def test_a_local_source_becomes_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_source("images/../images") == f"{tmp_path}/images"
    assert [resolve_source(source) for source in ("digits", "s3://bucket/a")] == ["digits", "s3://bucket/a"]
    with pytest.raises(UserError, match="is empty"):
        resolve_source("")


def test_bytes_that_are_not_utf8_are_escaped(folder):
    assert printable(os.fsdecode(b"caf\xe9/\xc3\xa9")) == r"caf\xe9/é"
