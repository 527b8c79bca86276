import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.unreadable import Unreadable
from raycluster.data.vectors.files import find_vector_files, npy_shape


def test_vectors_are_counted_without_reading_them(tmp_path):
    lists = pa.table({"id": [1, 2], "embedding": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
    pq.write_table(lists, tmp_path / "lists.parquet")
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(12, np.float32)), 4)
    pq.write_table(pa.table({"embedding": fixed, "other": [1, 2, 3]}), tmp_path / "fixed.parquet", row_group_size=2)
    np.save(tmp_path / "matrix.npy", np.zeros((5, 7), np.uint8))
    for source, rows, numbers in [("lists.parquet", 2, 6), ("*.parquet", 5, 18), ("matrix.npy", 5, 35)]:
        files = find_vector_files(str(tmp_path / source))
        assert (files.rows, files.numbers) == (rows, numbers)


def test_files_without_vectors_and_damaged_ones_are_known_by_name(tmp_path):
    pq.write_table(pa.table({"v": [[1.0], [2.0]]}), tmp_path / "v.parquet")
    for i in range(4):
        pq.write_table(pa.table({"text": ["a"]}), tmp_path / f"text{i}.parquet")
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "v.parquet").read_bytes()[:-9])
    (tmp_path / "README.md").write_text("what this is")
    files = find_vector_files(str(tmp_path))
    assert (files.column, files.rows) == ("v", 2)
    assert files.foreign() == [
        ("README.md", "not a table of vectors: .md"),
        *((f"text{i}.parquet", "it has no column v of vectors") for i in range(4)),
    ]
    assert list(files.unreadable) == ["torn.parquet"]


def test_a_header_that_promises_more_than_there_is_is_not_believed(tmp_path):
    def header(shape, descr="<f4"):
        path = tmp_path / "a.npy"
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
            file.write(bytes(24))
        with open(path, "rb") as file:
            return npy_shape(file, path.stat().st_size)

    assert header((2, 3)) == (2, 3)
    for shape, descr, reason in [
        ((2**62, 4), "<f4", "the file is truncated"),
        ((-1, 4), "<f4", "not a matrix of numbers"),
        ((6,), "<f4", r"it contains float32 of shape \(6,\), not a matrix of numbers with one vector per row"),
        ((2, 1), "<c8", "it contains complex64"),
        ((2, 1), "|O", "pickled objects, which are never loaded"),
    ]:
        with pytest.raises(Unreadable, match=reason):
            header(shape, descr)
