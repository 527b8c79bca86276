import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.errors import UserError
from raycluster.results.provenance import atomic_folder, existing_result, write_table

TOLD = {"what": "table", "identity": {"run": "a", "exclude": ("b*",), "the images": 1}, "summary": {"rows": 3}}


def test_a_file_and_a_folder_tell_of_the_command_that_wrote_them(tmp_path):
    write_table(tmp_path / "deep" / "t.parquet", pa.table({"x": [1, 2, 3]}), TOLD)
    with atomic_folder(tmp_path / "folder", TOLD) as partial:
        (partial / "x.txt").write_text("x")
    for out in (tmp_path / "deep" / "t.parquet", tmp_path / "folder"):
        assert existing_result(out, "table", TOLD["identity"]) == {"rows": 3}
        with pytest.raises(UserError, match="is not one of raycluster's assignments"):
            existing_result(out, "assignment", TOLD["identity"])
        with pytest.raises(UserError, match="differs in --run:"):
            existing_result(out, "table", TOLD["identity"] | {"run": "b"})
        with pytest.raises(UserError, match="differs in --exclude:"):
            existing_result(out, "table", {name: TOLD["identity"][name] for name in ("run", "the images")})
        with pytest.raises(UserError, match="differs in the images:"):
            existing_result(out, "table", TOLD["identity"] | {"the images": 2})
    assert pq.read_table(tmp_path / "deep" / "t.parquet")["x"].to_pylist() == [1, 2, 3]
    assert existing_result(tmp_path / "nothing", "table", {}) is None


def test_what_others_wrote_is_never_replaced(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "theirs.parquet")
    (tmp_path / "words.parquet").write_text("words")
    (tmp_path / "folder").mkdir()
    for name in ("theirs.parquet", "words.parquet", "folder"):
        with pytest.raises(UserError, match="already exists"):
            existing_result(tmp_path / name, "table", TOLD["identity"])


def test_a_folder_that_fails_on_the_way_leaves_nothing(tmp_path):
    def fail():
        with atomic_folder(tmp_path / "folder", TOLD) as partial:
            (partial / "x.txt").write_text(json.dumps(TOLD))
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert list(tmp_path.iterdir()) == []
