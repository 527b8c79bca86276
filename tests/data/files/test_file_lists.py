import pytest

from raycluster.data.files.file_lists import read_list, read_metadata
from raycluster.data.files.location import Location
from raycluster.errors import UserError


@pytest.fixture
def location(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    return Location(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "a.png\r\n\nnone.png\n"),
        ("list.lst", "\ufeffa.png\nnone.png"),
        ("list.csv", "id,filename\n1,a.png\n2,none.png\n"),
        ("list.csv", 'image,note\n"a.png","two\nlines"\nnone.png,\n'),
        ("list.tsv", "file\tn\na.png\t1\nnone.png\t2\n"),
    ],
)
def test_names_come_from_lines_or_from_a_column(location, tmp_path, name, text):
    (tmp_path / name).write_text(text, newline="")
    files, labels, notes = read_list(location, name)
    assert {file: info.problem for file, info in files.items()} == {"a.png": "", "none.png": "there is no such file"}
    assert (labels, notes) == ({}, [])


def test_labels_of_a_table_are_known_classes(location, tmp_path):
    (tmp_path / "list.csv").write_text("path,label\n./a.png,cat\nb.png,\n")
    assert read_list(location, "list.csv")[1] == {"a.png": "cat"}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("list.csv", "id,label\n1,2\n", "has no column of file names: name one path, file, filename"),
        ("list.txt", "\n \n", "lists no files"),
        ("list.csv", "path\n", "has no column|lists no files"),
    ],
)
def test_lists_without_names_are_clear_errors(location, tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_list(location, name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "file_name,label\na.png,3\nsub/b.png,\n"),
        ("metadata.jsonl", '{"file_name": "a.png", "label": 3}\n{"file_name": "sub/b.png", "text": "a cat"}\n'),
    ],
)
def test_metadata_has_known_classes_relative_to_its_folder(location, tmp_path, name, text):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / name).write_text(text)
    assert read_metadata(location, f"train/{name}") == {"train/a.png": "3"}


@pytest.mark.parametrize(
    ("name", "text"), [("metadata.csv", "a,b\n1,2\n"), ("metadata.jsonl", "no json"), ("metadata.jsonl", "[1]")]
)
def test_other_files_of_that_name_are_no_metadata(location, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_metadata(location, name) is None
