import numpy as np
import pytest

from raycluster.clustering.saved_graph import (
    NAME,
    Neighbors,
    fingerprint,
    remove_neighbors,
    save_neighbors,
    saved_neighbors,
)
from raycluster.graph.neighbors.search import Search

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
OF = fingerprint(VECTORS, 2)


@pytest.fixture
def saved(tmp_path):
    ids = np.array([[1, 2], [0, 2], [1, 3], [2, 1]], np.int32)
    neighbors = Neighbors(ids, ids.astype(np.float32) / 3, Search("lists", 0.99, 7, 3))
    save_neighbors(tmp_path, neighbors, OF)
    return neighbors


def test_what_was_saved_is_read(saved, tmp_path):
    found = saved_neighbors(tmp_path, OF)
    for name in ("ids", "sq_distances"):
        assert (getattr(found, name) == getattr(saved, name)).all()
        assert getattr(found, name).dtype == getattr(saved, name).dtype
    assert found.search == saved.search
    remove_neighbors(tmp_path)
    remove_neighbors(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_neighbors_of_other_vectors_or_of_another_number_are_not_used(saved, tmp_path):
    other = VECTORS.copy()
    other[3, 2] += 1
    for of in (fingerprint(other, 2), fingerprint(VECTORS, 3), fingerprint(VECTORS.reshape(3, 4), 2)):
        assert saved_neighbors(tmp_path, of) is None


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_as_good_as_none(saved, tmp_path, damage):
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[: len(data) // 2] if damage is None else damage)
    assert saved_neighbors(tmp_path, OF) is None


@pytest.mark.parametrize(("place", "byte"), [(6, 99), (8, 1), (10, 8), (10, 1)])
def test_a_file_with_a_wrong_byte_is_as_good_as_none(saved, tmp_path, place, byte):
    """The byte says which version of ZIP it takes, that the content is encrypted, or how it is compressed."""
    data = bytearray((tmp_path / NAME).read_bytes())
    data[data.index(b"PK\x01\x02") + place] = byte  # in the directory at the end
    (tmp_path / NAME).write_bytes(data)
    assert saved_neighbors(tmp_path, OF) is None
