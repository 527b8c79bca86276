import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from raycluster.errors import UserError
from raycluster.methods.jule.network import JuleCNN
from raycluster.results.finished_run import check_complete, finished_run, network_of, read_vectors


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


def test_what_is_not_finished_is_not_taken_for_whole(jule_run, tmp_path):
    shutil.copytree(jule_run, tmp_path / "run")
    check_complete(str(tmp_path / "run" / "embeddings"))
    (tmp_path / "run" / "summary.json").unlink()
    for source in (tmp_path / "run", tmp_path / "run" / "embeddings"):
        with pytest.raises(UserError, match="run is not finished: run the same command again first"):
            check_complete(str(source))
    with pytest.raises(UserError, match="is not finished"):
        read_vectors(tmp_path / "run")
