import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.containers.parquet import label_problem, open_parquet, parquet_labels
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable


def test_labels_are_numbers_with_hugging_face_names_or_texts_or_missing(tmp_path):
    def labels_of(**columns):
        table = pa.table({"image": [b"", b""], **columns})
        features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
        pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "a.parquet")
        with open_parquet(Location(str(tmp_path)), "a.parquet") as file:
            return parquet_labels(file)

    numbers, names = labels_of(label=[1, None])
    assert (numbers.tolist(), names) == ([1, -1], ["cat", "dog"])
    assert labels_of(label=["dog", None])[0].tolist() == ["dog", None]
    assert labels_of() == (None, None)


def test_damaged_parquet_is_unreadable(tmp_path):
    pq.write_table(pa.table({"image": [b"a" * 1000]}), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    with (
        pytest.raises(Unreadable, match="not a complete Parquet file"),
        open_parquet(Location(str(tmp_path)), "a.parquet"),
    ):
        pass


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (pa.field("label", pa.list_(pa.int64())), "it holds list<item: int64>, not one number"),
        (pa.field("label", pa.struct([("name", pa.string())])), "it holds struct<name: string>"),
        (pa.field("label", pa.float64()), None),
        (pa.field("other", pa.list_(pa.int64())), None),
    ],
)
def test_a_column_of_labels_has_one_number_or_text_per_row(tmp_path, column, problem):
    schema = pa.schema([pa.field("image", pa.binary()), column])
    assert (label_problem(schema) or "").startswith(problem or "")
    assert (label_problem(schema) is None) == (problem is None)
    if problem:
        pq.write_table(schema.empty_table(), tmp_path / "a.parquet")
        with open_parquet(Location(str(tmp_path)), "a.parquet") as file:
            assert parquet_labels(file) == (None, None)


def test_two_columns_of_labels_are_a_problem():
    schema = pa.schema([("label", pa.int64()), ("label", pa.int64())])
    assert label_problem(schema) == "there are 2 columns of that name"


def test_damaged_pages_are_unreadable_and_not_a_trouble_of_the_disk(tmp_path):
    pq.write_table(pa.table({"image": [bytes([i]) * 500 for i in range(100)]}), tmp_path / "a.parquet")
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[10:300] = b"\xff" * 290
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(Unreadable), open_parquet(Location(str(tmp_path)), "a.parquet") as file:
        file.read()
