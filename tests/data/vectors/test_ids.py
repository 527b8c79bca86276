import datetime
import decimal
import uuid

import pyarrow as pa
import pytest

from raycluster.data.unreadable import Unreadable
from raycluster.data.vectors.ids import ids_of, join_ids
from raycluster.errors import UserError

HUGE = 2**64 - 1
UUID = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (pa.array([1, 2], pa.int8()), "int64", [1, 2]),
        (pa.array([1, 2], pa.uint64()), "int64", [1, 2]),
        (pa.array([1, HUGE], pa.uint64()), "uint64", [1, HUGE]),
        (pa.array([1.0, 2.0]), "int64", [1, 2]),
        (pa.array([0.5, 2.0]), "object", ["0.5", "2"]),
        (pa.array([decimal.Decimal(3)], pa.decimal128(38, 0)), "int64", [3]),
        (pa.array([decimal.Decimal(10**30)], pa.decimal128(38, 0)), "object", [str(10**30)]),
        (pa.array(["007", "b"], pa.string()), "object", ["007", "b"]),
        (pa.array(["007", "b"], pa.large_string()), "object", ["007", "b"]),
        (pa.array(["007", "b"], pa.string_view()), "object", ["007", "b"]),
        (pa.array(["007", "b"]).dictionary_encode(), "object", ["007", "b"]),
        (pa.array([b"007"]), "object", ["007"]),
        (pa.array([UUID.bytes], pa.uuid()), "object", [str(UUID)]),
        (pa.array([datetime.date(2026, 11, 26)]), "object", ["2026-11-26"]),
    ],
)
def test_ids_stay_integers_where_they_can_and_text_otherwise(array, kind, expected):
    ids = join_ids([ids_of(pa.chunked_array([array]))], "s")
    assert (ids.dtype.name, ids.tolist()) == (kind, expected)


def test_ids_of_several_files_are_joined_without_changing_any():
    def joined(*arrays):
        return join_ids([ids_of(pa.chunked_array([array])) for array in arrays], "s").tolist()

    assert joined(pa.array([1, 2]), pa.array([HUGE], pa.uint64())) == [1, 2, HUGE]
    assert joined(pa.array([-1]), pa.array([HUGE], pa.uint64())) == ["-1", str(HUGE)]
    assert joined(pa.array([7]), pa.array(["007"])) == ["7", "007"]


def test_ids_that_lead_to_no_row_are_refused():
    for ids, sentence in [
        (["a", None], "^The column id of s is null in 1 of 2 rows: give every row an id of its own, or drop"),
        ([4, 5, 4, 4], "^The column id of s has 4 in 3 rows: give every row an id of its own, or drop the column"),
    ]:
        with pytest.raises(UserError, match=sentence):
            join_ids([ids_of(pa.chunked_array([pa.array(ids)]))], "s")
    for array in (pa.array([{"a": 1}]), pa.array([[1]]), pa.array([b"\xff"])):
        with pytest.raises(Unreadable, match=r"its column id holds .*, which is neither integers nor text"):
            ids_of(pa.chunked_array([array]))
