import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.errors import UserError
from raycluster.runtime.files import (
    atomic_write,
    plain,
    read_json,
    read_parquet,
    remove_tree,
    write_json,
    write_parquet,
)


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"loss": float("nan"), "n": np.int64(3), "shape": (1, 2), "mean": np.float32(0.5)})
    assert json.loads(path.read_text()) == {"loss": None, "n": 3, "shape": [1, 2], "mean": 0.5}

    def write_half():
        with atomic_write(path) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert json.loads(path.read_text())["n"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["value.json"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with atomic_write(tmp_path / "a") as first, atomic_write(tmp_path / "a") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"  # the last to be renamed


def test_a_table_is_written_atomically_too(tmp_path):
    write_parquet(tmp_path / "t.parquet", pa.table({"id": [1, 2]}))
    assert pq.read_table(tmp_path / "t.parquet")["id"].to_pylist() == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_values_are_made_fit_for_json():
    value = {1: (np.int64(2), np.array([0.5, math.inf])), "nested": [{"nan": math.nan}], "flag": True, "none": None}
    assert plain(value) == {"1": [2, [0.5, None]], "nested": [{"nan": None}], "flag": True, "none": None}


def test_a_folder_is_removed_whether_it_exists_or_not(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for _ in range(2):
        remove_tree(tmp_path / "a")
        assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe"])
def test_a_damaged_json_file_is_told_with_a_remedy(tmp_path, content):
    path = tmp_path / "value.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"value\.json is damaged \(.+\): remove it\.$"):
        read_json(path, "remove it")


def test_a_damaged_table_is_told_with_a_remedy(tmp_path):
    path = tmp_path / "t.parquet"
    write_parquet(path, pa.table({"id": np.arange(1000), "noise": np.random.default_rng(0).random(1000)}))
    assert read_parquet(path, ["id"], "remove it").num_rows == 1000
    whole = path.read_bytes()
    for content in (b"", whole[:100], whole[:-1], b"PAR1" + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"t\.parquet is damaged \(.+\): remove it\.$"):
            read_parquet(path, ["id"], "remove it")
    path.write_bytes(whole)
    with pytest.raises(UserError, match=r"is damaged \(it has no column cluster\)"):
        read_parquet(path, ["id", "cluster"], "remove it")


def test_a_file_that_cannot_be_read_is_not_called_damaged(tmp_path):
    for reader in (lambda: read_json(tmp_path, "remove it"), lambda: read_parquet(tmp_path, ["id"], "remove it")):
        with pytest.raises(UserError, match=r"cannot be read: Is a directory\. Make it readable"):
            reader()
