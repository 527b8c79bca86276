from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCRIPT = Path(__file__).parents[2] / "jobs" / "export.py"


def test_the_command_exports_a_folder_of_embeddings_and_refuses_a_bad_one(job, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    (tmp_path / "embedded" / "embeddings").mkdir(parents=True)
    table = pa.table({"id": [0, 1], "path": ["a.png", "b.png"], "embedding": [[0.0, 1.0], [1.0, 0.0]]})
    pq.write_table(table, tmp_path / "embedded" / "embeddings" / "part-0.parquet")
    out = tmp_path / "arrays"
    assert job.main(["--run", str(tmp_path / "embedded"), "--format", "numpy", "--out", str(out)]) == 0
    assert np.load(out / "embeddings.npy").tolist() == [[0, 1], [1, 0]]
    assert f"2 rows for numpy are in {out}" in capsys.readouterr().out
    assert job.main(["--run", str(tmp_path / "none"), "--format", "numpy", "--out", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err.startswith(f"error: There is no folder {tmp_path / 'none'}")
