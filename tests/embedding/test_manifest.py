import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raycluster.data.files.location import Location
from raycluster.data.files.sources import Listing
from raycluster.embedding.manifest import IdBlock, Manifest
from raycluster.errors import UserError


def listing(**files):
    """A listing of files with size and time of change."""
    names = sorted(files)
    sizes, modified = ([files[name][i] for name in names] for i in (0, 1))
    return Listing(Location("/data"), names, ["images"] * len(names), sizes, modified)


@pytest.fixture
def manifest():
    """Files a, b and c of 3, 1 and 2 rows, in shards of 4."""
    return Manifest.empty().with_files(listing(a=(10, 1), b=(20, 1), c=(30, 1)), np.array([3, 1, 2]), 4)


def test_rows_are_numbered_file_by_file_and_cut_into_shards(manifest):
    assert (manifest.n, manifest.next_id) == (6, 6)
    assert manifest.first.tolist() == [0, 3, 4]
    assert manifest.edges().tolist() == [[0, 4], [4, 6]]
    assert manifest.ids(0, 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert manifest.file_of(np.arange(6)).tolist() == [0, 0, 0, 1, 2, 2]


def test_files_that_go_leave_a_gap_and_files_that_come_get_ids_behind_all_others(manifest):
    grown = manifest.without({"b"}).with_files(listing(aa=(5, 5), d=(6, 6)), np.array([0, 3]), 2)
    assert grown.names == ["a", "c", "aa", "d"]
    assert grown.blocks == (IdBlock(0, 6, 4), IdBlock(6, 9, 2))
    assert grown.edges().tolist() == [[0, 4], [4, 6], [6, 8], [8, 9]]
    assert grown.ids(0, 9).tolist() == [0, 1, 2, 4, 5, 6, 7, 8]
    assert grown.ids(2, 5).tolist() == [2, 4]
    assert grown.ids(3, 4).tolist() == []
    assert grown.file_of(np.array([0, 5, 6, 8])).tolist() == [0, 1, 3, 3]
    assert grown.without({"d"}).next_id == 9  # ids are not given out again


def test_changes_are_seen_by_size_and_by_time(manifest):
    now = listing(a=(10, 1), b=(21, 1), c=(30, 2), d=(1, 1))
    changes = manifest.compare(now)
    assert [now.names[i] for i in changes.added] == ["d"]
    assert [now.names[i] for i in changes.changed] == ["b", "c"]
    assert manifest.compare(listing(a=(10, 1), c=(30, 1))).deleted == ["b"]
    assert manifest.compare(listing(a=(10, 1), b=(20, 1), c=(30, 1))) == ([], [], [])


def test_a_saved_catalogue_is_read_again_with_names_that_are_no_text(manifest, tmp_path):
    odd = manifest.with_files(listing(**{"bad\udcff.png": (1, 2**60)}), np.array([1]), 7)
    odd.save(tmp_path / "files.parquet")
    again = Manifest.load(tmp_path / "files.parquet")
    assert again.names == odd.names
    assert again.blocks == odd.blocks
    for name in ("sizes", "modified", "first", "rows"):
        assert getattr(again, name).tolist() == getattr(odd, name).tolist()


def test_a_damaged_catalogue_is_a_sentence(manifest, tmp_path):
    path = tmp_path / "files.parquet"
    manifest.save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"files\.parquet is damaged \(.+\): choose another --out"):
        Manifest.load(path)
    pq.write_table(pa.table({"file": []}), path)
    with pytest.raises(UserError, match="is damaged"):
        Manifest.load(path)
