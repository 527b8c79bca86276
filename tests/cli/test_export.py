import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def test_the_command_exports_a_folder_of_embeddings_and_refuses_a_bad_one(call, tmp_path):
    (tmp_path / "embedded" / "embeddings").mkdir(parents=True)
    table = pa.table({"id": [0, 1], "path": ["a.png", "b.png"], "embedding": [[0.0, 1.0], [1.0, 0.0]]})
    pq.write_table(table, tmp_path / "embedded" / "embeddings" / "part-0.parquet")
    out = tmp_path / "arrays"
    code, told, _ = call(["export", "--run", tmp_path / "embedded", "--format", "numpy", "--out", out])
    assert code == 0
    assert np.load(out / "embeddings.npy").tolist() == [[0, 1], [1, 0]]
    assert f"2 rows for numpy are in {out}" in told
    code, _, error = call(["export", "--run", tmp_path / "none", "--format", "numpy", "--out", tmp_path / "x"])
    assert code == 2
    assert error.startswith(f"error: There is no folder {tmp_path / 'none'}")
