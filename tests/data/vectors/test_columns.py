import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raycluster.data.vectors.columns import choose_column, holds_vectors, numbers_of
from raycluster.errors import UserError

NUMBERS = [
    pa.float16(),
    pa.float32(),
    pa.float64(),
    *(getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)),
    pa.decimal32(5, 1),
    pa.decimal64(10, 2),
    pa.decimal128(20, 3),
    pa.decimal256(50, 4),
    pa.bool_(),
]
LISTS = [pa.list_, pa.large_list, pa.list_view, pa.large_list_view]


def stored(array, path):
    """The column that comes back from Parquet, in several row groups."""
    pq.write_table(pa.table({"v": array}), path, row_group_size=2)
    return pq.read_table(path)["v"]


def value_of(number, kind):
    if pa.types.is_decimal(kind):
        return None if number is None else decimal.Decimal(number)
    return bool(number) if pa.types.is_boolean(kind) and number is not None else number


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(NUMBERS),
    list_of=st.sampled_from(LISTS),
    rows=st.lists(st.none() | st.lists(st.none() | st.integers(0, 1), max_size=4), max_size=5),
)
def test_vectors_of_every_type_come_back_from_parquet_as_the_same_numbers(tmp_path, kind, list_of, rows):
    values = [None if row is None else [value_of(number, kind) for number in row] for row in rows]
    column = stored(pa.array(values, list_of(kind)), tmp_path / "v.parquet")
    assert holds_vectors(column.type)
    is_null, lengths, numbers = numbers_of(column)
    assert is_null.tolist() == [row is None for row in rows]
    assert lengths.tolist() == [len(row or []) for row in rows]
    flat = [np.nan if number is None else number for row in rows for number in row or []]
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, np.array(flat, np.float32))


def test_lists_of_fixed_length_and_tensors_are_vectors_with_and_without_nulls(tmp_path):
    fixed = pa.array([[1, 2], None, [3, None]], pa.list_(pa.float16(), 2))
    tensor = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float16(), [2]), fixed)
    for array in (fixed, tensor):
        is_null, lengths, numbers = numbers_of(stored(array, tmp_path / "v.parquet"))
        assert (is_null.tolist(), lengths.tolist()) == ([False, True, False], [2, 0, 2])
        np.testing.assert_array_equal(numbers, np.array([1, 2, 3, np.nan], np.float32))


def test_what_does_not_fit_float32_is_infinite_and_gives_no_warning(tmp_path, recwarn):
    _, _, numbers = numbers_of(stored(pa.array([[1e39, -1e39, 3e38]]), tmp_path / "v.parquet"))
    assert numbers.tolist() == [np.inf, -np.inf, float(np.float32(3e38))]
    assert not recwarn.list


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.float32(),
        pa.list_(pa.string()),
        pa.list_(pa.list_(pa.float32())),
        pa.struct([("x", pa.float32())]),
        pa.map_(pa.string(), pa.float32()),
        pa.fixed_shape_tensor(pa.float32(), [2, 2]),
        pa.uuid(),
        pa.null(),
    ],
)
def test_other_columns_are_no_vectors(kind):
    assert not holds_vectors(kind)


def test_one_column_is_chosen_for_all_files():
    vector, text = pa.list_(pa.float32()), pa.string()
    plain, named = pa.schema([("v", vector), ("name", text)]), pa.schema([("embedding", vector), ("v", vector)])
    assert choose_column([plain], None, "s") == "v"
    assert choose_column([plain, named], None, "s") == "embedding"
    assert choose_column([plain, named], "v", "s") == "v"
    labeled = pa.schema([("label", vector), ("id", vector)])
    assert choose_column([plain, labeled], None, "s") == "v"
    for schemas, column, sentence in [
        ([plain, pa.schema([("w", vector)])], None, "^In s the columns v, w could all be vectors: name one"),
        ([plain], "name", r"^s has no column name of vectors \(its columns are v, name\)"),
        ([labeled], None, r"^s has no column of vectors, .* \(it has label, id\)"),
    ]:
        with pytest.raises(UserError, match=sentence):
            choose_column(schemas, column, "s")
