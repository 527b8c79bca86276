import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


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


def test_the_command_sorts_images_into_folders_once_it_is_told_to(call, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "run").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (4, 4)).save(tmp_path / "photos" / name)
    table = pa.table({"id": [0, 1], "path": ["a.png", "b.png"], "cluster": [0, 1], "confidence": [1.0, 1.0]})
    pq.write_table(table, tmp_path / "run" / "assignments.parquet")
    line = ["export", "--run", tmp_path / "run", "--format", "folders", "--out", tmp_path / "out"]
    code, _, error = call(line)
    assert (code, error) == (2, "error: The source of the images is not known: name it with --data.\n")
    line += ["--data", tmp_path / "photos"]
    code, told, _ = call(line)
    assert (code, (tmp_path / "out").exists()) == (0, False)
    assert "the same command with --execute does it" in told
    assert call([*line, "--execute"])[0] == 0
    assert (tmp_path / "out" / "cluster 1" / "b.png").exists()
    code, _, error = call(["export", "--run", tmp_path / "run", "--format", "csv", "--out", "o", "--execute"])
    assert (code, error) == (2, "error: --execute is for --format folders: leave it out.\n")
