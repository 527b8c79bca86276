import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.vectors.vector_set import open_vectors
from raycluster.embedding.part_files import RejectedRow, keep_ids, part_path, read_footer, read_ids, write_part

ASIDE = [RejectedRow(5, "e.png", "the file is empty")]


@pytest.fixture
def part(tmp_path):
    path = part_path(tmp_path, 3)
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    write_part(path, np.array([4, 6, 7]), pa.array(["d", "f", "g"]), np.array([1, -1, 2]), vectors, ASIDE)
    return path


def test_a_part_holds_its_rows_and_tells_of_those_set_aside(part):
    assert part.name == "part-00003.parquet"
    table = pq.read_table(part)
    assert [str(table.schema.field(i).type) for i in range(4)] == [
        "int64",
        "string",
        "fixed_size_list<element: float>[2]",
        "int64",
    ]
    assert table["embedding"].to_pylist() == [[0, 1], [2, 3], [4, 5]]
    assert table["label"].to_pylist() == [1, None, 2]
    assert read_footer(part) == (3, ASIDE)
    assert read_ids(part).tolist() == [4, 6, 7]


def test_rows_are_taken_out_of_a_part_in_one_go(part):
    keep_ids(part, np.array([4, 5, 7]))
    assert read_ids(part).tolist() == [4, 7]
    assert read_footer(part) == (2, ASIDE)
    keep_ids(part, np.array([7]))
    assert read_footer(part) == (1, [])
    assert pq.read_table(part)["embedding"].to_pylist() == [[4, 5]]
    assert [path.name for path in part.parent.iterdir()] == [part.name]


def test_a_part_that_is_not_whole_has_no_footer(part, tmp_path):
    part.write_bytes(part.read_bytes()[:-20])
    assert read_footer(part) is None
    assert read_footer(tmp_path / "nothing.parquet") is None
    pq.write_table(pa.table({"id": [1]}), part)  # of somebody else
    assert read_footer(part) is None


def test_vectors_are_read_from_a_folder_of_parts_also_if_one_is_empty(part):
    nothing = np.empty(0, np.int64)
    empty = part.with_name("part-00000.parquet")
    write_part(empty, nothing, pa.array([], pa.string()), nothing, np.empty((0, 2)), ASIDE)
    found = open_vectors(str(part.parent))
    assert found.ids.tolist() == [4, 6, 7]
    assert found.labels.tolist() == [1, -1, 2]
    assert json.dumps(found.paths) == '["d", "f", "g"]'
