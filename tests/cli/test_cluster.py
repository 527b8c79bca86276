import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

from raycluster.cli.main import parse


def test_the_command_clusters_a_matrix_and_says_where_the_results_are(call, tmp_path):
    np.save(tmp_path / "digits.npy", load_digits().data[:300])
    out = tmp_path / "out"
    words = ["cluster", "--embeddings", tmp_path / "digits.npy", "--clusters", 8, "--out", out]
    code, told, _ = call(words)
    assert code == 0
    assert "gdl: 300 vectors in 8 clusters" in told
    assert told.splitlines()[-1] == f"All results are in {out}; open report.html to see the clusters."
    assert len(set(pq.read_table(out / "assignments.parquet")["cluster"].to_pylist())) == 8
    assert call([*words, "--quiet"]) == (0, "", "")


def test_a_bad_call_ends_with_one_sentence(call, tmp_path):
    words = ["cluster", "--embeddings", tmp_path / "nothing.npy", "--clusters", 8, "--out", tmp_path / "out"]
    code, _, error = call(words)
    assert (code, error) == (2, f"error: There is no file or folder {tmp_path / 'nothing.npy'}.\n")


def test_images_are_named_without_a_flag_and_vectors_with_one(call):
    _, values = parse(["cluster", "photos/", "--out", "o"])
    assert (values["data"], values["embeddings"], values["clusters"]) == ("photos/", None, "auto")
    assert parse(["cluster", "--out", "o", "--embeddings", "v.npy"])[1]["data"] is None
    code, _, error = call("cluster --out o")
    assert code == 2
    assert error == (
        "error: Name either images, such as a folder of them, or vectors with --embeddings: one of both.\n"
    )
