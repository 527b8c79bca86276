import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable
from raycluster.data.vectors import rows as vector_rows
from raycluster.data.vectors.rows import read_npy_rows, read_parquet_rows, unreadable_rows


def read(tmp_path, names, *columns):
    pq.write_table(pa.table([pa.array(column) for column in columns], names), tmp_path / "a.parquet")
    return read_parquet_rows(Location(str(tmp_path)), "a.parquet", "v")


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_paths_are_read_from_every_kind_of_text(tmp_path, kind):
    rows = read(tmp_path, ["v", "path"], [[1.0], [2.0]], pa.array(["x.png", None]).cast(kind))
    assert (rows.paths, rows.notes) == (["x.png", "a.parquet#1"], ())


def test_columns_of_other_things_are_told_and_not_used(tmp_path):
    rows = read(tmp_path, ["v", "path", "label"], [[1.0]], [7], [[1, 2]])
    assert (rows.paths, rows.labels) == (["a.parquet#0"], None)
    assert rows.notes == (
        "The column path of a.parquet is not used: it holds int64.",
        "The column label of a.parquet is not used: it holds list<element: int64>.",
    )


def test_a_file_that_cannot_be_read_gives_its_reason(tmp_path):
    for names, columns, reason in [
        (["v", "v"], [[[1.0]], [[1.0]]], "^it has 2 columns named v$"),
        (["v", "id", "id"], [[[1.0]], [1], [1]], "^it has 2 columns named id$"),
        (["v"], [[{"x": 1.0}]], "^its column v holds struct<x: double>, which is not a vector$"),
        (["v", "path"], [[[1.0]], pa.array([b"\xff"]).view(pa.string())], "^some of its text is not UTF-8$"),
    ]:
        with pytest.raises(Unreadable, match=reason):
            read(tmp_path, names, *columns)
    path = tmp_path / "a.parquet"
    read(tmp_path, ["v"], np.random.default_rng(0).normal(size=(100, 4)).tolist())
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 20 + data[24:])
    with pytest.raises(Unreadable, match=r"^damaged: "):
        read_parquet_rows(Location(str(tmp_path)), "a.parquet", "v")
    with pytest.raises(Unreadable, match="the file no longer exists"):
        read_parquet_rows(Location(str(tmp_path)), "gone.parquet", "v")


def test_matrices_of_every_kind_of_number_are_read_in_order_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_rows, "BLOCK_NUMBERS", 4)
    numbers = np.arange(12).reshape(4, 3)
    for matrix in (
        np.eye(3, dtype=bool),
        numbers.astype(">i2"),
        numbers.astype(np.float16),
        np.asfortranarray(numbers),
    ):
        path = tmp_path / "a.npy"
        np.save(path, matrix)
        rows = read_npy_rows(Location(str(tmp_path)), "a.npy", path.stat().st_size)
        assert rows.numbers.dtype == np.float32
        np.testing.assert_array_equal(rows.numbers, matrix.reshape(-1))
        assert (rows.n, rows.lengths.tolist()) == (len(matrix), [matrix.shape[1]] * len(matrix))


def test_names_that_are_not_utf8_can_be_written(tmp_path):
    np.save(tmp_path / "\udcff.npy", np.zeros((1, 2)))
    size = (tmp_path / "\udcff.npy").stat().st_size
    assert read_npy_rows(Location(str(tmp_path)), "\udcff.npy", size).paths == [r"\xff.npy#0"]
    assert unreadable_rows("\udcff.npy", "why").paths == [r"\xff.npy"]
