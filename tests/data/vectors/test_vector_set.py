import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.vectors.vector_set import NOT_FINITE, open_vectors
from raycluster.errors import UserError

VECTORS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def column_of(vectors, layout):
    flat = pa.array(vectors.reshape(-1))
    return {
        "fixed": lambda: pa.FixedSizeListArray.from_arrays(flat, 4),
        "list": lambda: pa.array(vectors.tolist(), pa.list_(pa.float32())),
        "large": lambda: pa.array(vectors.tolist(), pa.large_list(pa.float64())),
        "tensor": lambda: pa.FixedShapeTensorArray.from_numpy_ndarray(vectors),
    }[layout]()


@pytest.mark.parametrize("layout", ["fixed", "list", "large", "tensor"])
def test_parquet_is_read_in_every_layout_and_in_the_order_of_the_files(tmp_path, layout):
    for name, part in [("b", slice(0, 4)), ("a", slice(4, 6))]:
        table = pa.table({"vec": column_of(VECTORS[part], layout), "label": np.arange(6)[part]})
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=3)
    found = open_vectors(str(tmp_path))
    np.testing.assert_allclose(found.vectors, VECTORS[[4, 5, 0, 1, 2, 3]], rtol=1e-6)
    assert found.vectors.dtype == np.float32
    assert found.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.paths[:3] == ["a.parquet#0", "a.parquet#1", "b.parquet#0"]
    assert found.labels.tolist() == [4, 5, 0, 1, 2, 3]
    assert found.rejected == []


def test_ids_and_paths_of_an_embedding_table_are_kept(tmp_path):
    table = {"id": [7, 3], "path": ["x.png", "y.png"], "other": column_of(VECTORS[2:4], "fixed")}
    pq.write_table(pa.table(table | {"embedding": column_of(VECTORS[:2], "fixed")}), tmp_path / "a.parquet")
    found = open_vectors(f"{tmp_path}/*.parquet")
    assert (found.ids.tolist(), found.paths, found.labels) == ([7, 3], ["x.png", "y.png"], None)
    np.testing.assert_array_equal(found.vectors, VECTORS[:2])
    np.testing.assert_array_equal(open_vectors(f"{tmp_path}/a.parquet", "other").vectors, VECTORS[2:4])


def test_npy_is_read(tmp_path):
    np.save(tmp_path / "a.npy", VECTORS.astype(np.float16))
    found = open_vectors(str(tmp_path / "a.npy"))
    np.testing.assert_allclose(found.vectors, VECTORS, atol=2e-3)
    assert found.paths[-1] == "a.npy#5"


def test_every_input_row_is_either_returned_or_rejected(tmp_path):
    rows = [None, [1.0, 2.0], [np.nan, 1.0], [3.0], [np.inf, 0.0], [1.0, None], [4.0, 5.0], [1e39, 0.0]]
    pq.write_table(pa.table({"v": pa.array(rows, pa.list_(pa.float64()))}), tmp_path / "a.parquet", row_group_size=2)
    found = open_vectors(str(tmp_path / "a.parquet"))
    assert (found.vectors.tolist(), found.ids.tolist()) == ([[1, 2], [4, 5]], [1, 6])
    assert dict(found.rejected) == {
        "a.parquet#0": "there is no vector (null)",
        "a.parquet#2": NOT_FINITE,
        "a.parquet#3": "its vector has 1 number, and the most common length is 2",
        "a.parquet#4": NOT_FINITE,
        "a.parquet#5": NOT_FINITE,
        "a.parquet#7": NOT_FINITE,
    }


def test_the_most_common_length_counts_across_files_whatever_comes_first(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((1, 5)))
    np.save(tmp_path / "b.npy", np.ones((2, 3)))
    np.save(tmp_path / "c.npy", np.ones((1, 0)))
    found = open_vectors(str(tmp_path))
    assert (found.vectors.shape, found.ids.tolist()) == ((2, 3), [1, 2])
    assert dict(found.rejected) == {
        "a.npy#0": "its vector has 5 numbers, and the most common length is 3",
        "c.npy#0": "its vector has 0 numbers, and the most common length is 3",
    }


def test_files_that_cannot_be_read_are_one_rejected_row_each_and_the_others_go_on(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, {}]), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(b"no")
    np.save(tmp_path / "c.npy", VECTORS)
    np.save(tmp_path / "d.npy", np.zeros((2, 2, 2)))
    (tmp_path / "e.npy").write_bytes((tmp_path / "c.npy").read_bytes()[:-1])
    found = open_vectors(str(tmp_path))
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert found.ids.tolist() == [2, 3, 4, 5, 6, 7]
    assert dict(found.rejected) == {
        "a.npy": "it contains pickled objects, which are never loaded",
        "b.npy": "not an NPY file, or its header is damaged",
        "d.npy": "it contains float64 of shape (2, 2, 2), not a matrix of numbers with one vector per row",
        "e.npy": "the file is truncated",
    }


def test_a_file_without_vectors_is_one_rejected_row(tmp_path):
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"embedding": pa.array([None, None])}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"embedding": column_of(VECTORS, "list")}), tmp_path / "c.parquet")
    pq.write_table(pa.table({"embedding": ["[1, 2]"]}), tmp_path / "d.parquet")
    found = open_vectors(str(tmp_path))
    assert found.paths == [f"c.parquet#{row}" for row in range(6)]
    assert dict(found.rejected) == {
        "a.parquet": "it has no column embedding of vectors",
        "b.parquet#0": "there is no vector (null)",
        "b.parquet#1": "there is no vector (null)",
        "d.parquet": "its column embedding holds string, which is not a vector",
    }


def test_ids_are_kept_as_they_are_and_need_not_be_there_in_rejected_rows(tmp_path):
    def write(name, **columns):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")

    write("a", v=[[1.0], None, [2.0]], id=["x", "x", "y"])
    (tmp_path / "b.parquet").write_bytes(b"no")
    write("c", v=[[3.0]], id=["007"])
    found = open_vectors(str(tmp_path))
    assert (found.ids.tolist(), len(found.rejected), found.notes) == (["x", "y", "007"], 2, [])
    write("d", v=[[4.0]])
    found = open_vectors(str(tmp_path))
    assert (found.ids.tolist(), found.notes) == (
        [0, 2, 4, 5],
        ["Not every file has a column id: the rows are numbered instead."],
    )
    write("d", v=[[4.0]], id=["x"])
    with pytest.raises(UserError, match=r"The column id of .* has x in 2 rows"):
        open_vectors(str(tmp_path))


def test_sources_without_a_usable_vector_are_clear_errors(tmp_path):
    cases = {
        "text.parquet": (pa.table({"name": ["a"]}), "has no column of vectors"),
        "two.parquet": (pa.table({"a": [[1.0]], "b": [[1.0]]}), "the columns a, b could all be vectors: name one"),
        "nan.parquet": (pa.table({"a": [[float("nan")]] * 3}), r"no usable vector \(nan.parquet#0: .*, and 2 more\)"),
        "empty.parquet": (pa.table({"a": pa.array([[]], pa.list_(pa.null()))}), "its vector is empty"),
        "none.parquet": (pa.table({"a": pa.array([], pa.list_(pa.float32()))}), "its files have no rows"),
    }
    for name, (table, sentence) in cases.items():
        pq.write_table(table, tmp_path / name)
        with pytest.raises(UserError, match=sentence):
            open_vectors(str(tmp_path / name))
    for name in ("broken.npy", "broken.parquet"):
        (tmp_path / name).write_bytes(b"no")
        with pytest.raises(UserError, match=f"holds no usable vector \\({name}: not a"):
            open_vectors(str(tmp_path / name))
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="name a folder, file or glob with Parquet or NPY files"):
        open_vectors(str(tmp_path / "folder"))
