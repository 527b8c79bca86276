import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.vectors import count_vectors, open_vectors
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
    rows = [None, [1.0, 2.0], [np.nan, 1.0], [3.0], [np.inf, 0.0], [1.0, None], [4.0, 5.0]]
    pq.write_table(pa.table({"v": pa.array(rows, pa.list_(pa.float64()))}), tmp_path / "a.parquet", row_group_size=2)
    np.save(tmp_path / "z.npy", np.zeros((2, 3)))
    found = open_vectors(str(tmp_path / "a.parquet"))
    assert (found.vectors.tolist(), found.ids.tolist()) == ([[1, 2], [4, 5]], [1, 6])
    assert dict(found.rejected) == {
        "a.parquet#0": "there is no vector (null)",
        "a.parquet#2": "its vector holds NaN or infinity",
        "a.parquet#3": "its vector has 1 numbers, the first one has 2",
        "a.parquet#4": "its vector holds NaN or infinity",
        "a.parquet#5": "its vector holds NaN or infinity",
    }


def test_files_of_another_width_are_rejected_row_by_row(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3)))
    np.save(tmp_path / "b.npy", np.ones((1, 5)))
    found = open_vectors(str(tmp_path))
    assert found.vectors.shape == (2, 3)
    assert dict(found.rejected) == {"b.npy#0": "its vector has 5 numbers, the first one has 3"}


def test_unreadable_sources_are_clear_errors(tmp_path):
    cases = {
        "text.parquet": (pa.table({"name": ["a"]}), "no column holds vectors"),
        "two.parquet": (pa.table({"a": [[1.0]], "b": [[1.0]]}), "the columns a, b could all be vectors: name one"),
        "nan.parquet": (pa.table({"a": [[float("nan")]]}), "holds no usable vector .*NaN"),
        "same.parquet": (pa.table({"a": [[1.0], [2.0]], "id": [1, 1]}), "the same number in several rows"),
    }
    for name, (table, sentence) in cases.items():
        pq.write_table(table, tmp_path / name)
        with pytest.raises(UserError, match=sentence):
            open_vectors(str(tmp_path / name))
    with pytest.raises(UserError, match="it has no column c of vectors"):
        open_vectors(str(tmp_path / "two.parquet"), "c")
    (tmp_path / "broken.npy").write_bytes(b"no")
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    for name in ("broken", "cube", "objects"):
        with pytest.raises(UserError, match=f"{name}.npy in .* cannot be read"):
            open_vectors(str(tmp_path / f"{name}.npy"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="name a folder, file or glob with Parquet or NPY files"):
        open_vectors(str(tmp_path / "empty"))


def test_vectors_are_counted_without_reading_them(tmp_path):
    lists = pa.table({"id": [1, 2], "embedding": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
    pq.write_table(lists, tmp_path / "lists.parquet")
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(12, np.float32)), 4)
    pq.write_table(pa.table({"embedding": fixed, "other": [1, 2, 3]}), tmp_path / "fixed.parquet", row_group_size=2)
    np.save(tmp_path / "matrix.npy", np.zeros((5, 7), np.uint8))
    assert count_vectors(str(tmp_path / "lists.parquet")) == (2, 6)
    assert count_vectors(str(tmp_path / "*.parquet")) == (5, 18)
    assert count_vectors(str(tmp_path / "matrix.npy")) == (5, 35)
    (tmp_path / "torn.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match=r"torn\.npy in .* cannot be read"):
        count_vectors(str(tmp_path / "torn.npy"))
