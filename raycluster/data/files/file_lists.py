"""Tables and texts that name image files: lists given as a source, and the metadata beside images."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from raycluster.data.files.find_files import FileInfo, look_up
from raycluster.data.files.location import Location
from raycluster.errors import UserError

LIST_SUFFIXES = (".txt", ".lst", ".csv", ".tsv")
PATH_COLUMNS = ("path", "file", "filename", "file_name", "image")
METADATA = ("metadata.csv", "metadata.jsonl")  # of the folders of images that Hugging Face's datasets reads


class FileList(NamedTuple):
    """Names of files, relative to the folder of the list or absolute, and their known classes by name."""

    names: list[str]
    labels: dict[str, str]


def read_list(location: Location, name: str) -> tuple[dict[str, FileInfo], dict[str, str], list[str]]:
    """Read a list of files: one name per line, or a table with a column of names and, if known, a column ``label``.

    Returns
    -------
    files : dict of str to FileInfo
        What is listed; what does not exist has the problem that says so.
    labels : dict of str to str
        Known classes, by name.
    notes : list of str

    Raises
    ------
    UserError
        If the list cannot be read, has no column of names, or is empty.
    """
    text = _read_text(location, name)
    if name.lower().endswith((".csv", ".tsv")):
        listed = _from_rows(_table(text, "\t" if name.lower().endswith(".tsv") else ","))
        if listed is None:
            raise UserError(f"{name} has no column of file names: name one {', '.join(PATH_COLUMNS[:-1])} or image.")
    else:
        listed = FileList([line for line in _lines(text) if line.strip()], {})
    if not listed.names:
        raise UserError(f"{name} lists no files.")
    names = list(dict.fromkeys(os.path.normpath(name) for name in listed.names))
    twice = len(listed.names) - len(names)
    notes = [f"{name} repeats files ({twice:,} times): each file is read once."] if twice else []
    labels = {os.path.normpath(name): label for name, label in listed.labels.items()}
    return look_up(location, names), labels, notes


def read_metadata(location: Location, name: str) -> dict[str, str] | None:
    """Return the known classes that a metadata file has for images, by name relative to the location.

    It is None if the file names no images: then it is no metadata of images.
    """
    try:
        text = _read_text(location, name)
        rows = _table(text, ",") if name.endswith(".csv") else [json.loads(line) for line in _lines(text) if line]
    except (UserError, ValueError):
        return None
    listed = _from_rows(rows, ("file_name",))
    if listed is None:
        return None
    folder = os.path.dirname(name)
    return {os.path.normpath(os.path.join(folder, file)): label for file, label in listed.labels.items()}


def _read_text(location: Location, name: str) -> str:
    try:
        return location.read(name).decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror or error}.") from None


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.split("\n")]


def _table(text: str, delimiter: str) -> list[dict[str, Any]]:
    try:
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise UserError(f"The table cannot be read: {error}.") from None


def _from_rows(rows: Iterable[Any], columns: tuple[str, ...] = PATH_COLUMNS) -> FileList | None:
    names: list[str] = []
    labels: dict[str, str] = {}
    column = None
    for row in rows:
        if not isinstance(row, dict):
            return None
        column = column or next((name for name in columns if name in row), None)
        if column is None:
            return None
        name, label = row.get(column), row.get("label")
        if not isinstance(name, str) or not name:
            continue
        names.append(name)
        if isinstance(label, str | int) and label != "":
            labels[name] = str(label)
    return FileList(names, labels) if column else None
