import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from raycluster.errors import UserError
from raycluster.graph.tree import MergeTree
from raycluster.results.assigned import read_assigned, tree_of
from raycluster.results.names import read_names
from raycluster.runtime.run_dir import RunDir

PATHS = ["a.png", "b.png", "c.png", "d.png"]


@pytest.fixture
def run(tmp_path):
    """Four images in clusters 4, 4, 9, 9, as in a folder that has grown, and the tree ((0 1) (2 3))."""
    run_dir = RunDir(tmp_path / "run")
    run_dir.path.mkdir()
    clusters, confidence = np.array([4, 4, 9, 9], np.int32), np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    run_dir.write_assignments(np.array([2, 3, 5, 8]), PATHS, clusters, confidence, np.array([0, -1, 1, 1]))
    tree = MergeTree.from_joins(4, np.array([0, 2, 0]), np.array([1, 3, 2]), np.array([3.0, 2.0, 1.0]))
    run_dir.write_merges({name: getattr(tree, name) for name in ("left", "right", "affinity", "size")})
    return run_dir.path


def names_of(run, clusters, names, wrong=()):
    path = run.parent / "names.json"
    saved = {"format": "raycluster names 1", "run": "run", "clusters": clusters, "names": names, "wrong": list(wrong)}
    path.write_text(json.dumps(saved))
    return read_names(path)


def test_the_clusters_of_the_run_keep_their_numbers_and_get_names(run):
    rows = read_assigned(run, names=names_of(run, 2, {"9": "dogs"}, [{"id": 5, "path": "c.png"}]))
    assert rows.clusters.tolist() == [4, 4, 9, 9]
    assert rows.named == ["cluster 4", "cluster 4", "dogs", "dogs"]
    assert rows.is_wrong.tolist() == [False, False, True, False]
    columns = rows.columns()
    assert list(columns) == ["id", "path", "cluster", "name", "confidence", "label", "wrong"]
    assert columns["id"].to_pylist() == [2, 3, 5, 8]
    assert columns["label"].to_pylist() == [0, None, 1, 1]


def test_another_number_of_clusters_is_cut_from_the_tree_without_confidence(run):
    rows = read_assigned(run, 3)
    assert rows.clusters.tolist() == [0, 0, 1, 2]
    assert rows.confidence is None
    assert "confidence" not in rows.columns()
    named = read_assigned(run, names=names_of(run, 3, {"2": "dogs"}))
    assert named.named == ["cluster 0", "cluster 0", "cluster 1", "dogs"]
    with pytest.raises(UserError, match="choose 1 to 4"):
        read_assigned(run, 5)


def test_names_that_do_not_fit_are_refused(run):
    with pytest.raises(UserError, match="names cluster 3, but there is none"):
        read_assigned(run, names=names_of(run, 2, {"3": "cats"}))
    with pytest.raises(UserError, match="are for 2 clusters, but --clusters is 3: leave one of them out"):
        read_assigned(run, 3, names_of(run, 2, {}))


def test_a_run_without_clusters_or_without_a_tree_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="holds no clusters: name the folder of a finished run"):
        read_assigned(tmp_path)
    (run / "merges.parquet").unlink()
    assert tree_of(run, 4) is None
    assert read_assigned(run, 2).clusters.tolist() == [4, 4, 9, 9]
    with pytest.raises(UserError, match="has no merge tree, which could be cut at 3 clusters"):
        read_assigned(run, 3)


def test_the_tree_is_that_of_the_file(run):
    assert tree_of(run, 4).cut(2).tolist() == [0, 0, 1, 1]
    assert pq.read_table(run / "merges.parquet").num_rows == 3
