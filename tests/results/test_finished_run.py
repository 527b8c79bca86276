import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from raycluster.errors import UserError
from raycluster.methods.jule.network import JuleCNN
from raycluster.options import AssignOptions, EvaluateOptions, ExportOptions
from raycluster.results.assign import assign
from raycluster.results.evaluate import evaluate_run
from raycluster.results.export import export_run
from raycluster.results.finished_run import check_complete, finished_run, network_of, read_vectors
from raycluster.runtime.console import Console


def test_embeddings_are_joined_to_the_assignments_by_id_also_when_they_lie_in_another_order(jule_run, tmp_path):
    table = pq.read_table(jule_run / "embeddings")
    turned = table.take(np.random.default_rng(0).permutation(len(table)))
    pq.write_table(turned, tmp_path / "turned.parquet")
    straight, joined = read_vectors(jule_run), read_vectors(jule_run, str(tmp_path / "turned.parquet"))
    np.testing.assert_array_equal(joined.vectors, straight.vectors)
    np.testing.assert_array_equal(straight.vectors, np.stack(table["embedding"].to_pylist()))
    assert straight.labels is not None
    assert straight.paths == pq.read_table(jule_run / "assignments.parquet")["path"].to_pylist()


def test_only_finished_runs_with_a_network_have_one(jule_run, vectors_run, tmp_path):
    assert isinstance(network_of(finished_run(jule_run)), JuleCNN)
    with pytest.raises(UserError, match="a clustering of vectors, which has no network"):
        network_of(finished_run(vectors_run))
    with pytest.raises(UserError, match="holds no finished run"):
        finished_run(tmp_path)


def test_what_is_not_finished_is_not_taken_for_whole(jule_run, tmp_path, s3):
    shutil.copytree(jule_run, tmp_path / "run")
    check_complete(str(tmp_path / "run" / "embeddings"))
    (tmp_path / "run" / "summary.json").unlink()
    for source in (tmp_path / "run", tmp_path / "run" / "embeddings"):
        with pytest.raises(UserError, match="run is not finished: run the same command again first"):
            check_complete(str(source))
    s3.write("unfinished/config.json", b"{}")
    with pytest.raises(UserError, match="bucket/unfinished is not finished: run the same command again first"):
        check_complete(s3.uri("unfinished/embeddings"))
    with pytest.raises(UserError, match="is not finished"):
        read_vectors(tmp_path / "run")


@pytest.mark.parametrize("name", ["assignments.parquet", "merges.parquet", "summary.json", "config.json"])
def test_commands_on_a_damaged_run_name_the_file(jule_run, digit_files, tmp_path, name):
    shutil.copytree(jule_run, tmp_path / "run")
    path = tmp_path / "run" / name
    path.write_bytes(path.read_bytes()[:-30])
    run, out, console = str(tmp_path / "run"), str(tmp_path / "out"), Console(quiet=True)
    commands = {
        "export": lambda: export_run(ExportOptions(run=run, format="atlas", out=out), console),
        "evaluate": lambda: evaluate_run(EvaluateOptions(run=run), console),
        "assign": lambda: assign(AssignOptions(data=str(digit_files / "new.npz"), model=run, out=out), console),
    }
    reading = {
        "assignments.parquet": ("export", "assign"),
        "merges.parquet": ("export",),
        "summary.json": ("evaluate",),
        "config.json": ("export", "evaluate", "assign"),
    }
    for command in reading[name]:
        with pytest.raises(UserError, match=rf"run/{name} is damaged \(.+\): remove"):
            commands[command]()
