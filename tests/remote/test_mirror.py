import json
import os
import threading
from dataclasses import dataclass

import pytest
from pyarrow import fs

from raycluster.errors import UserError
from raycluster.remote.folder import RemoteFolder
from raycluster.remote.mirror import Mirror
from raycluster.runtime.checkpoint import save_checkpoint
from raycluster.runtime.files import remove_tree

LOCK = threading.Lock()


class Away(OSError):
    """The network is away."""


@dataclass(frozen=True)
class Flaky(RemoteFolder):
    """A folder that can be changed only so many times before the network goes away."""

    changes_left: list

    def _change(self):
        with LOCK:
            if not self.changes_left[0]:
                raise Away("away")
            self.changes_left[0] -= 1

    def put(self, name, path):
        self._change()
        return super().put(name, path)

    def remove(self, name):
        self._change()
        super().remove(name)


@pytest.fixture
def remote(tmp_path):
    return RemoteFolder(fs.LocalFileSystem(), str(tmp_path / "bucket" / "run"), "s3://bucket/run")


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored(remote):
    return {name: remote.read(name) for name in remote.files()}


def job(remote, home, last_copy=None):
    """Begin a job on a machine whose cache is ``home``; ``last_copy`` is what the lock names."""
    home.mkdir(exist_ok=True)
    mirror = Mirror(remote, home)
    mirror.begin(last_copy)
    mirror.fill()
    return mirror


def write(mirror, **files):
    for name, text in files.items():
        path = mirror.local / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_one_machine_uploads_is_fetched_by_another(remote, tmp_path):
    first = job(remote, tmp_path / "first")
    assert not first.local.exists()
    write(
        first, config_json="{}", embeddings__part="e", _lock="l", a_json_1f2e3d4c_partial="p", checkpoints__ray__x="r"
    )
    assert first.upload()
    assert stored(remote) == {"config.json": b"{}", "embeddings/part": b"e"}
    second = job(remote, tmp_path / "second", first.copy)
    assert content(second.local) == {"config.json": b"{}", "embeddings/part": b"e"}
    assert second.copy != first.copy


def test_only_what_has_changed_is_uploaded_and_what_is_removed_here_is_removed_there(remote, tmp_path):
    mirror = job(remote, tmp_path / "home")
    write(mirror, a="1", b="1", c__d__e="1")
    assert mirror.upload()
    first = remote.modified("b")
    write(mirror, a="2")
    (mirror.local / "c" / "d" / "e").unlink()
    (mirror.local / "c" / "d").rmdir()
    (mirror.local / "c").rmdir()
    assert mirror.has_changed
    assert mirror.upload()
    assert not mirror.has_changed
    assert stored(remote) == {"a": b"2", "b": b"1"}
    assert remote.modified("b") == first
    assert not remote.info("c").is_file
    assert remote.info("c").type == fs.FileType.NotFound


def test_what_a_killed_job_has_not_uploaded_is_kept_if_nobody_else_has_worked_since(remote, tmp_path):
    killed = job(remote, tmp_path / "home")
    write(killed, a="1", b="1", c="1")
    killed.upload()
    write(killed, a="newer", b="1", d="new")
    (killed.local / "c").unlink()
    again = job(remote, tmp_path / "home", killed.copy)
    assert content(again.local) == {"a": b"newer", "b": b"1", "d": b"new"}
    again.upload()
    assert stored(remote) == {"a": b"newer", "b": b"1", "d": b"new"}


def test_what_a_killed_job_has_uploaded_without_noting_it_is_removed_if_it_is_gone_here(remote, tmp_path):
    killed = job(remote, tmp_path / "home")
    write(killed, a="1")
    killed.upload()
    remote.write("checkpoints/training/000001/tensors", b"uploaded, and then the job was killed")
    again = job(remote, tmp_path / "home", killed.copy)
    again.upload()
    assert stored(remote) == {"a": b"1"}


@pytest.mark.parametrize("last_copy", [None, "of another machine"])
def test_a_stale_folder_never_wins_over_what_another_job_has_left(remote, tmp_path, last_copy):
    stale = job(remote, tmp_path / "home")
    write(stale, a="old", b="old")
    stale.upload()
    write(stale, a="never uploaded")
    other = job(remote, tmp_path / "other", stale.copy)
    write(other, a="new")
    other.upload()
    again = job(remote, tmp_path / "home", last_copy)
    assert content(again.local) == {"a": b"new", "b": b"old"}
    again.upload()
    assert stored(remote) == {"a": b"new", "b": b"old"}


def test_half_a_folder_that_was_fetched_is_fetched_anew(remote, tmp_path, monkeypatch):
    whole = job(remote, tmp_path / "whole")
    write(whole, a="1", b="1", c="1")
    whole.upload()
    get, done = RemoteFolder.get, []

    def get_two(self, name, path):
        if len(done) == 2:
            raise Away("away")
        done.append(name)
        get(self, name, path)

    half = Mirror(remote, tmp_path)
    copy = half.begin(None)
    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "get", get_two)
        with pytest.raises(Away):
            half.fill()
    again = job(remote, tmp_path, copy)  # the lock names the copy that was begun
    assert content(again.local) == dict.fromkeys("abc", b"1")
    again.upload()
    assert stored(remote) == dict.fromkeys("abc", b"1")


def test_whenever_the_network_goes_away_a_checkpoint_is_there_and_none_is_a_mixture(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)
    changes_left = [0]
    flaky = Flaky(remote.filesystem, remote.base, remote.address, changes_left)
    mirror = job(flaky, tmp_path / "home")
    n, has_begun = 0, False
    for step in range(60):
        if step % 3 == 0:
            save_checkpoint(mirror.local / "checkpoints" / "training", {}, {"step": step})
        changes_left[0] = step % 5
        try:
            assert mirror.upload()
        except Away:
            n += 1
        names = {name for name in remote.files() if name.endswith("/state.json")}
        has_begun |= bool(names)
        assert bool(names) == has_begun
        for name in names:
            tensors = remote.read(name.replace("state.json", "tensors.safetensors"))
            number = int(name.split("/")[2])
            assert tensors is not None
            assert json.loads(remote.read(name)) == {"step": 3 * number}
    assert n > 10
    assert job(remote, tmp_path / "other").local.exists()


def test_half_of_a_checkpoint_is_not_fetched_and_is_removed(remote, tmp_path):
    first = job(remote, tmp_path / "first")
    write(first, checkpoints__training__000001__tensors="t", checkpoints__training__000001__state_json="{}")
    write(first, checkpoints__training__000002__tensors="half", config_json="{}")
    first.upload()
    second = job(remote, tmp_path / "second")
    kept = {"config.json", "checkpoints/training/000001/state.json", "checkpoints/training/000001/tensors"}
    assert content(second.local).keys() == kept
    second.upload()
    assert stored(remote).keys() == kept


def test_a_summary_waits_while_files_are_vanishing_and_goes_before_what_it_seals_changes(remote, tmp_path, monkeypatch):
    mirror = job(remote, tmp_path / "home")
    write(mirror, a="1", summary_json="1")
    put = RemoteFolder.put

    def put_late(self, name, path):
        path.unlink(missing_ok=True)
        return put(self, name, path)

    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "put", put_late)
        assert not mirror.upload()
    assert "summary.json" not in stored(remote)
    write(mirror, a="1")
    assert mirror.upload()
    assert stored(remote) == {"a": b"1", "summary.json": b"1"}


def test_what_cannot_be_listed_is_not_removed_behind_the_uri(remote, tmp_path, monkeypatch):
    mirror = job(remote, tmp_path / "home")
    write(mirror, a="1", embeddings__p="1")
    mirror.upload()
    scan = os.scandir

    def scan_some(path):
        if str(path).endswith("embeddings"):
            raise OSError(24, "Too many open files")
        return scan(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scan_some)
        with pytest.raises(OSError, match="Too many"):
            mirror.upload()
    remove_tree(mirror.home)
    with pytest.raises(UserError, match="was removed while a command worked in it: run the same command again"):
        mirror.upload()
    assert stored(remote) == {"a": b"1", "embeddings/p": b"1"}


def test_where_the_local_files_are_gone_all_are_fetched_anew(remote, tmp_path):
    first = job(remote, tmp_path)
    write(first, a="1")
    first.upload()
    remove_tree(first.local)
    again = job(remote, tmp_path, first.copy)
    assert content(again.local) == {"a": b"1"}


def test_what_was_not_uploaded_is_set_aside_where_another_job_has_worked_since(remote, tmp_path):
    first = job(remote, tmp_path)
    write(first, a="1")
    assert Mirror(remote, tmp_path).set_aside(first.copy) is None
    aside = Mirror(remote, tmp_path).set_aside("another")
    assert content(aside) == {"a": b"1"}
    first.upload()
    assert Mirror(remote, tmp_path).set_aside("another") is None


def test_what_lies_behind_the_uri_must_be_results(remote, tmp_path):
    mirror = Mirror(remote, tmp_path)
    mirror.check_ours()
    remote.write("rejected.parquet", b"")
    mirror.check_ours()
    remote.write("checkpoints/1000/weights.pt", b"")
    with pytest.raises(UserError, match="s3://bucket/run holds files but no run of raycluster"):
        mirror.check_ours()
    remote.write("config.json", b"")
    mirror.check_ours()


def test_a_file_that_changes_its_seal_meanwhile_waits(remote, tmp_path, monkeypatch):
    mirror = job(remote, tmp_path)
    write(mirror, embeddings__p="1", summary_json="1")
    assert mirror.upload()
    walk = os.walk

    def change(folder, **options):
        root, *others = walk(folder, **options)
        yield root
        (mirror.local / "summary.json").unlink()
        write(mirror, embeddings__p="2")
        yield from others

    with monkeypatch.context() as patch:
        patch.setattr(os, "walk", change)
        assert not mirror.upload()
    assert stored(remote) == {"embeddings/p": b"1", "summary.json": b"1"}
    assert mirror.upload()
    assert stored(remote) == {"embeddings/p": b"2"}


def test_a_name_that_is_not_utf_8_is_told(remote, tmp_path):
    mirror = job(remote, tmp_path)
    mirror.local.mkdir()
    (mirror.local / os.fsdecode(b"a\xff.png")).touch()
    (mirror.local / "ü.png").touch()
    with pytest.raises(UserError, match=r"'a.udcff\.png' is not UTF-8, as names behind a URI have to be"):
        mirror.upload()


class Together(RemoteFolder):
    """A folder that gives and takes two files only at the same time."""

    meeting = threading.Barrier(2)

    def put(self, name, path):
        self.meeting.wait(10)
        return super().put(name, path)

    def get(self, name, path):
        self.meeting.wait(10)
        super().get(name, path)


def test_files_of_a_folder_travel_at_the_same_time(tmp_path):
    remote = Together(fs.LocalFileSystem(), str(tmp_path / "bucket" / "run"), "s3://bucket/run")
    first = job(remote, tmp_path / "first")
    write(first, a__x="1", a__y="2")
    assert first.upload()
    assert content(job(remote, tmp_path / "second", first.copy).local) == {"a/x": b"1", "a/y": b"2"}
