import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from raycluster.errors import UserError
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import RunSummary

IDENTITY = {
    "method": "jule",
    "data": "digits",
    "clusters": 10,
    "unroll_rate": 0.9,
    "image_size": (8, 8),
    "negatives": None,
}
SUMMARY = RunSummary("jule", 3, 1, 2, 4.5, {"training": 4.0}, {"rc": {"nmi": 0.5}}, {"the file is empty": 1}, {})


@pytest.fixture
def begun(tmp_path):
    run_dir = RunDir(tmp_path / "run")
    with run_dir.lock():
        run_dir.write_config({"identity": IDENTITY})
    return run_dir


def test_a_folder_is_new_then_begun_then_finished(tmp_path):
    run_dir = RunDir(tmp_path / "run")
    assert run_dir.state(IDENTITY) == "new"
    run_dir.path.mkdir()
    assert run_dir.state(IDENTITY) == "new"
    run_dir.write_config({"identity": IDENTITY})
    assert run_dir.state(IDENTITY) == "begun"
    run_dir.write_summary(SUMMARY)
    assert run_dir.state(IDENTITY) == "finished"
    assert run_dir.summary() == SUMMARY


def test_other_settings_are_refused_by_name(begun):
    other = IDENTITY | {"unroll_rate": 0.2, "negatives": 20}
    sentence = "--unroll-rate was 0.9 and is now 0.2; --negatives was not set and is now 20"
    with pytest.raises(UserError, match=re.escape(sentence)):
        begun.state(other)
    with pytest.raises(UserError, match=re.escape("--unroll-rate was 0.9 and is now not set")):
        begun.state({name: value for name, value in IDENTITY.items() if name != "unroll_rate"})
    with pytest.raises(UserError, match="the method was jule and is now dccm"):
        begun.state(IDENTITY | {"method": "dccm"})


def test_a_run_of_an_earlier_version_is_continued(tmp_path):
    run_dir = RunDir(tmp_path)
    run_dir.write_config({"identity": IDENTITY | {"join_pieces": True}})
    assert run_dir.state(IDENTITY | {"join_small_components": True}) == "begun"
    assert run_dir.state(IDENTITY | {"join_small_components": True, "join_small_clusters": False}) == "begun"
    assert "join_pieces" not in run_dir.config()["identity"]
    with pytest.raises(UserError, match="--join-small-components was True and is now False"):
        run_dir.state(IDENTITY | {"join_small_components": False})
    with pytest.raises(UserError, match="--join-small-clusters was False and is now True"):
        run_dir.state(IDENTITY | {"join_small_components": True, "join_small_clusters": True})


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds files but no run"):
        RunDir(tmp_path).state(IDENTITY)
    with pytest.raises(UserError, match="is a file"):
        RunDir(tmp_path / "thesis.tex").state(IDENTITY)


def test_what_a_kill_before_the_settings_are_written_leaves_does_not_matter(tmp_path):
    run_dir = RunDir(tmp_path)
    run_dir.staged.mkdir()
    run_dir.write_rejected([])
    assert run_dir.state(IDENTITY) == "new"


def test_what_a_kill_before_the_first_file_leaves_does_not_matter(tmp_path):
    for name in (".lock", ".lock.probe", "config.json.01234567.partial"):
        (tmp_path / name).touch()
    assert RunDir(tmp_path).state({}) == "new"


def test_a_second_job_is_kept_out_while_the_first_is_at_work(begun):
    with begun.lock(), pytest.raises(UserError, match="Another job"), begun.lock():
        pass
    with begun.lock():
        pass
    assert not (begun.path / ".lock").exists()


def test_results_are_readable_without_ray(begun):
    ids = np.array([0, 2, 5])
    begun.write_assignments(ids, ["a", "b", "漢.png"], np.array([1, 0, 1]), np.ones(3), np.array([4, -1, 4]))
    table = pq.read_table(begun.path / "assignments.parquet")
    assert str(table.schema.remove_metadata()).split("\n") == [
        "id: int64",
        "path: string",
        "cluster: int32",
        "confidence: float",
        "label: int64",
    ]
    assert table["label"].to_pylist() == [4, None, 4]
    begun.write_assignments(ids, ["a", "b", "c"], np.zeros(3), np.ones(3), None)
    assert "label" not in pq.read_table(begun.path / "assignments.parquet").column_names

    begun.write_rejected([])
    assert pq.read_table(begun.path / "rejected.parquet").num_rows == 0
    begun.write_rejected([("x.jpg", "the file is empty")])
    assert pq.read_table(begun.path / "rejected.parquet").to_pylist() == [
        {"path": "x.jpg", "reason": "the file is empty"}
    ]

    merges = {
        "left": np.array([0, 2]),
        "right": np.array([1, 3]),
        "affinity": np.array([0.5, 0.0]),
        "size": np.array([2, 3]),
    }
    begun.write_merges(merges)
    assert pq.read_table(begun.path / "merges.parquet")["affinity"].to_pylist() == [0.5, 0.0]


def test_embeddings_of_all_workers_are_read_by_id_and_stale_parts_dropped(begun):
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    begun.write_embeddings(0, 1, np.arange(4), list("abcd"), rows)
    begun.write_embeddings(0, 2, np.array([1, 0]), list("ba"), rows[[1, 0]])
    begun.write_embeddings(1, 2, np.array([2, 7]), list("cd"), rows[2:])
    ids, embeddings = begun.read_embeddings(2)
    assert ids.tolist() == [0, 1, 2, 7]
    np.testing.assert_array_equal(embeddings, rows)
    part = pq.read_table(begun.path / "embeddings" / "part-00001-of-00002.parquet")
    kind = part.schema.field("embedding").type
    assert (kind.list_size, kind.value_type) == (2, pa.float32())
    assert part.to_pylist()[1] == {"id": 7, "path": "d", "embedding": [6.0, 7.0]}
    assert len(list((begun.path / "embeddings").iterdir())) == 2


def test_the_model_is_weights_and_a_description(begun):
    model = torch.nn.Linear(2, 1)
    begun.write_model(model, {"name": "linear"})
    assert json.loads((begun.path / "model" / "model.json").read_text()) == {"name": "linear"}
    weights = load_file(begun.path / "model" / "model.safetensors")
    assert torch.equal(weights["weight"], model.weight)


def test_health_is_the_last_word_of_the_metrics(begun):
    rows = [
        {"kind": "epoch", "period": 0, "loss": 3.0, "warnings": ["old"]},
        {"kind": "period", "period": 1, "largest_share": 0.2, "quality": {"nmi": 1.0}, "warnings": []},
        {"kind": "epoch", "period": 1, "loss": 1.0, "warnings": ["new"]},
    ]
    begun.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert begun.health() == {"loss": 1.0, "largest_share": 0.2, "warnings": ["new"]}


def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "run", "/proc/run"):
        with pytest.raises(UserError, match=r"cannot be written to .*: choose another --out"):
            RunDir(place).check_writable()


def test_the_check_leaves_nothing_behind(tmp_path):
    RunDir(tmp_path / "new" / "run").check_writable()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old").mkdir()
    RunDir(tmp_path / "old").check_writable()
    assert list(tmp_path.rglob("*")) == [tmp_path / "old"]


@pytest.mark.parametrize("content", ['{"identity"', "{}", "[]", "null", '{"identity": null}', '{"identity": {}}'])
def test_a_damaged_config_is_a_sentence(begun, content):
    (begun.path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config.json is damaged \(.+\): remove the folder, or choose another --out"):
        begun.state(IDENTITY)


@pytest.mark.parametrize("content", ["", '{"method": "jule"', "{}", "[]", "null", '{"other": 1}'])
def test_a_damaged_summary_is_a_sentence(begun, content):
    (begun.path / "summary.json").write_text(content)
    with pytest.raises(UserError, match=r"summary.json is damaged \(.+\): remove it, then run the command"):
        begun.summary()


def test_damaged_tables_and_metrics_are_sentences(begun):
    begun.write_assignments(np.arange(3), list("abc"), np.zeros(3, np.int32), np.ones(3, np.float32), None)
    path = begun.path / "assignments.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"assignments.parquet is damaged \(.+\): remove it and summary.json, then run"):
        begun.read_table("assignments", ["id"])
    begun.metrics.write_text('{"kind": "epoch"}\n{"kin')
    with pytest.raises(UserError, match=r"metrics.jsonl is damaged \(.+\): remove it"):
        begun.health()
