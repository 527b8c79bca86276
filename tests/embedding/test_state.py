import os

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from raycluster.data.image.formats import NO_HEIF
from raycluster.data.reading import Reading
from raycluster.data.unreadable import UNREACHABLE
from raycluster.embedding import shard_size, state
from raycluster.embedding.part_files import RejectedRow, part_path, read_footer, read_ids, write_part
from raycluster.embedding.state import EmbeddingState
from raycluster.errors import UserError


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Ten images, a.png to j.png; shards have four rows."""
    monkeypatch.setattr(shard_size, "FEWEST_SHARD_ROWS", 4)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "abcdefghij":
        save(folder / f"{name}.png")
    return folder


REASONS = {"bad": "bad", "away": f"{UNREACHABLE}gone", "heic": NO_HEIF}


def save(path):
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (4, 4)).save(path)


def embed(out, data, only=None, labels="auto"):
    """Do the work that is found, or only some shards of it, without a network; the embedding of a row is its id."""
    out.mkdir(exist_ok=True)
    stock = EmbeddingState(out, str(data), Reading(labels))
    said, work = stock.sentences(), stock.plan(16, 2**20) if stock.has_work else None
    for shard, start, stop in [] if work is None else work.shards.tolist():
        if only is None or shard in only:
            order = work.order
            bad = np.array([any(word in path.as_py() for word in REASONS) for path in order.paths[start:stop]])
            names = [order.paths[start + i].as_py() for i in np.flatnonzero(bad)]
            reasons = [next(reason for word, reason in REASONS.items() if word in name) for name in names]
            numbers = order.ids[start:stop][bad].tolist()
            aside = [RejectedRow(*row) for row in zip(numbers, names, reasons, strict=True)]
            ids, keep = order.ids[start:stop][~bad], pa.array(~bad)
            vectors = np.repeat(ids[:, None], 2, axis=1)
            labels_of = order.labels[start:stop][~bad]
            write_part(part_path(out, shard), ids, order.paths[start:stop].filter(keep), labels_of, vectors, aside)
    return stock, work, said


def table(out):
    """Return path by id of all parts."""
    import pyarrow.parquet as pq

    rows = [row for part in sorted((out / "embeddings").iterdir()) for row in pq.read_table(part).to_pylist()]
    assert all(row["embedding"] == [row["id"]] * 2 for row in rows)
    return {row["id"]: row["path"] for row in rows}


def test_a_new_set_is_cut_into_shards_of_sorted_files(photos, tmp_path):
    _, work, said = embed(tmp_path / "out", photos)
    assert work.shards.tolist() == [[0, 0, 4], [1, 4, 8], [2, 8, 10]]
    assert table(tmp_path / "out") == dict(enumerate(f"{name}.png" for name in "abcdefghij"))
    assert said == []
    assert not EmbeddingState(tmp_path / "out", str(photos)).has_work


def test_only_missing_shards_are_done_and_leftovers_of_a_kill_are_removed(photos, tmp_path):
    out = tmp_path / "out"
    embed(out, photos, only=[1])
    (out / "embeddings" / "part-00000.parquet.0123.partial").write_bytes(b"half")
    _, work, _ = embed(out, photos, only=[])
    assert work.shards.tolist() == [[0, 0, 4], [2, 4, 6]]
    assert work.order.ids.tolist() == [0, 1, 2, 3, 8, 9]
    assert [path.name for path in (out / "embeddings").iterdir()] == ["part-00001.parquet"]
    embed(out, photos)
    assert list(table(out)) == list(range(10))


def test_a_part_that_is_not_whole_or_belongs_nowhere_is_made_again(photos, tmp_path):
    out = tmp_path / "out"
    embed(out, photos)
    part_path(out, 0).write_bytes(part_path(out, 0).read_bytes()[:50])
    part_path(out, 7).write_bytes(part_path(out, 1).read_bytes())
    _, work, said = embed(out, photos)
    assert said == ["2 part file(s) were incomplete or inconsistent: they are written again."]
    assert work.shards.tolist() == [[0, 0, 4]]
    assert list(table(out)) == list(range(10))


def test_new_files_get_new_ids_and_shards_and_nothing_else_is_touched(photos, tmp_path):
    out = tmp_path / "out"
    embed(out, photos, only=[0, 1])
    before = {path: path.stat().st_mtime_ns for path in (out / "embeddings").iterdir()}
    for name in ("aa", "z"):
        save(photos / f"{name}.png")
    _, work, said = embed(out, photos)
    assert said == ["New: 2 file(s) (aa.png, z.png); their ids start at 10."]
    assert work.shards.tolist() == [[2, 0, 2], [3, 2, 4]]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert table(out) == dict(enumerate(f"{name}.png" for name in [*"abcdefghij", "aa", "z"]))


def test_changed_files_are_done_anew_and_deleted_ones_leave_their_parts(photos, tmp_path):
    out = tmp_path / "out"
    save(photos / "bad1.png")
    save(photos / "bad2.png")
    embed(out, photos)  # a b bad1 bad2 | c d e f | g h i j
    assert read_footer(part_path(out, 0)).rows == 2
    for name in ("b", "bad1", "g", "h", "i", "j"):
        os.remove(photos / f"{name}.png")
    os.utime(photos / "d.png", ns=(1, 1))
    _, work, said = embed(out, photos)
    assert said == [
        "Changed: 1 file(s) (d.png). Their old rows were removed; the new rows get new ids.",
        "Deleted: 6 file(s) (b.png, bad1.png, g.png, ...). Their rows were removed.",
    ]
    assert work.order.ids.tolist() == [12]
    assert table(out) == {0: "a.png", 4: "c.png", 6: "e.png", 7: "f.png", 12: "d.png"}
    assert [row.id for row in read_footer(part_path(out, 0)).rejected] == [3]
    assert not part_path(out, 2).exists()
    assert not EmbeddingState(out, str(photos)).has_work


def test_rows_that_were_never_embedded_and_are_gone_are_not_missed(photos, tmp_path):
    out = tmp_path / "out"
    embed(out, photos, only=[])
    for name in "efgh":
        os.remove(photos / f"{name}.png")
    _, work, _ = embed(out, photos)
    assert work.shards.tolist() == [[0, 0, 4], [2, 4, 6]]


def test_a_set_that_is_out_of_reach_is_not_taken_for_deleted(photos, tmp_path):
    out = tmp_path / "out"
    embed(out, photos)
    for path in photos.iterdir():
        path.unlink()
    save(photos / "other.png")
    with pytest.raises(UserError, match=r"None of the 10 files that were embedded .* exists any more"):
        embed(out, photos)
    assert len(table(out)) == 10


def test_files_of_many_rows_are_counted_again_only_if_they_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_size, "FEWEST_SHARD_ROWS", 4)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    np.savez(data / "b.npz", images=np.zeros((6, 4, 4), np.uint8), labels=np.arange(6))
    embed(out, data, only=[0])
    np.savez(data / "a.npz", images=np.zeros((2, 4, 4), np.uint8), labels=[8, 9])
    _, work, _ = embed(out, data)
    assert work.order.labels.tolist() == [4, 5, 8, 9]
    paths = ["b.npz#0", "b.npz#1", "b.npz#2", "b.npz#3", "b.npz#4", "b.npz#5", "a.npz#0", "a.npz#1"]
    assert table(out) == dict(enumerate(paths))
    assert [read_ids(part_path(out, shard)).tolist() for shard in (1, 2)] == [[4, 5], [6, 7]]


def test_names_of_classes_keep_their_numbers_when_others_come(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("cat/1", "dog/1"):
        save(data / f"{name}.png")
    _, work, _ = embed(out, data, labels="folders")
    assert work.order.labels.tolist() == [0, 1]
    for name in ("bee/1", "dog/2"):
        save(data / f"{name}.png")
    stock, work, _ = embed(out, data, labels="folders")
    assert dict(zip(work.order.paths.to_pylist(), work.order.labels.tolist(), strict=True)) == {
        "bee/1.png": 2,
        "dog/2.png": 1,
    }
    assert stock.manifest.class_names == ("cat", "dog", "bee")


def test_what_could_not_be_read_is_tried_again_the_next_time_and_what_is_bad_is_not(photos, tmp_path):
    out = tmp_path / "out"
    save(photos / "away.png")  # a away b c | d e f g | h i j
    save(photos / "ibad.png")
    embed(out, photos)
    _, work, said = embed(out, photos)
    assert said == ["1 input(s) could not be read last time: they are tried again."]
    assert work.shards.tolist() == [[0, 0, 4]]
    assert len(table(out)) == 10


def test_heic_files_are_tried_again_once_they_can_be_read(photos, tmp_path, monkeypatch):
    save(photos / "heic.png")
    monkeypatch.setattr(state, "reads_heif", lambda: False)
    embed(tmp_path / "out", photos)
    assert not embed(tmp_path / "out", photos)[2]
    monkeypatch.setattr(state, "reads_heif", lambda: True)
    assert embed(tmp_path / "out", photos)[2] == ["1 input(s) could not be read last time: they are tried again."]


def test_a_container_that_cannot_be_opened_is_one_row_until_it_can(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_size, "FEWEST_SHARD_ROWS", 4)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    np.savez(data / "a.npz", images=np.zeros((6, 4, 4), np.uint8))
    (data / "b.npz").symlink_to("b.npz")  # round and round
    (data / "c.npz").write_text("words")
    out.mkdir()
    work = EmbeddingState(out, str(data)).plan(16, 2**20)
    assert work.order.ids.tolist() == list(range(8))
    assert sorted(work.order.reasons) == [6, 7]
    assert work.order.reasons[6] == "a link that leads back to itself"
    assert work.order.reasons[7].startswith("not a complete NPZ file")
    assert not EmbeddingState(out, str(data)).changes.changed  # nothing can be told of it
    (data / "b.npz").unlink()
    np.savez(data / "b.npz", images=np.zeros((3, 4, 4), np.uint8))
    _, work, _ = embed(out, data)
    assert work.order.paths.to_pylist()[6:] == ["c.npz", "b.npz#0", "b.npz#1", "b.npz#2"]


def test_rows_of_a_container_that_cannot_be_opened_any_more_are_not_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_size, "FEWEST_SHARD_ROWS", 4)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    np.savez(data / "a.npz", images=np.zeros((6, 4, 4), np.uint8))
    embed(out, data, only=[0])
    (data / "a.npz").rename(tmp_path / "a.npz")
    (data / "a.npz").symlink_to("a.npz")
    with pytest.raises(UserError, match=r"a.npz has not changed, but can no longer be opened"):
        embed(out, data)
    assert len(table(out)) == 4
    (data / "a.npz").unlink()
    (tmp_path / "a.npz").rename(data / "a.npz")
    embed(out, data)
    assert len(table(out)) == 6


def test_images_are_found_again_by_their_ids_in_a_set_that_has_grown(photos, tmp_path):
    out = tmp_path / "out"
    embed(out, photos)
    save(photos / "aa.png")
    np.savez(photos / "b.npz", images=np.arange(3, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2))
    (photos / "c.png").unlink()
    stock, _, _ = embed(out, photos)
    assert list(table(out).items())[-4:] == [(10, "aa.png"), (11, "b.npz#0"), (12, "b.npz#1"), (13, "b.npz#2")]
    found = stock.originals(np.array([1, 3, 10, 12]))
    assert [found.image_name(i) for i in range(3)] == ["b.png", "d.png", "aa.png"]
    assert found.read(3, 4)[0][0, 0] == 1
    assert len(stock.originals(np.empty(0, np.int64))) == 0
