import numpy as np
import pytest

from raycluster.remote import kept_folder
from raycluster.remote.kept_folder import FolderKeeper, KeptFolder


@pytest.fixture
def folder(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    return there


@pytest.fixture(scope="module")
def keep(ray_session):
    """Keep a folder in an actor, as another machine of the cluster would see it."""
    import ray

    return lambda folder: KeptFolder(folder, ray.remote(FolderKeeper).options(num_cpus=0).remote(str(folder)))


def test_files_are_listed_read_written_and_removed(keep, folder, tmp_path):
    (folder / "a").mkdir()
    (folder / "a" / "old.json").write_text("old")
    here = tmp_path / "here.json"
    here.write_text("new")
    kept = keep(folder)
    assert (kept.name, kept.shown) == ("there", str(folder))
    assert kept.files() == {"a/old.json": 3}
    kept.get("a/old.json", tmp_path / "b" / "fetched")
    assert (tmp_path / "b" / "fetched").read_text() == "old"
    state = here.stat()
    assert kept.put("c/d/new.json", here) == (3, state.st_mtime_ns)
    assert (folder / "c" / "d" / "new.json").read_text() == "new"
    assert kept.files() == {"a/old.json": 3, "c/d/new.json": 3}
    kept.remove("a/old.json")
    kept.remove("a/old.json")
    kept.remove_folder("c")
    assert (folder / "c" / "d" / "new.json").exists()  # another process may have written it
    kept.remove("c/d/new.json")
    kept.remove_folder("c")
    kept.remove_folder("c")
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_large_files_travel_in_chunks(keep, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(kept_folder, "CHUNK", 2**20)  # here; the actor reads larger ones
    values = np.random.default_rng(0).integers(0, 256, 2**26 + 2**20 + 7, np.uint8)
    values.tofile(tmp_path / "large")
    kept = keep(folder)
    kept.put("large", tmp_path / "large")
    np.testing.assert_array_equal(np.fromfile(folder / "large", np.uint8), values)
    kept.get("large", tmp_path / "back")
    np.testing.assert_array_equal(np.fromfile(tmp_path / "back", np.uint8), values)
    (tmp_path / "empty").touch()
    kept.put("large", tmp_path / "empty")
    assert kept.files() == {"large": 0}


def test_a_file_is_complete_or_absent_and_errors_are_those_of_its_machine(keep, folder, tmp_path):
    kept = keep(folder)
    with pytest.raises(FileNotFoundError):
        kept.get("nothing", tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        kept.put("nothing", tmp_path / "nothing at all")
    (folder / "file").write_text("no folder")
    (tmp_path / "new").write_text("new")
    with pytest.raises(OSError, match="file"):
        kept.put("file/new", tmp_path / "new")
    assert kept.files() == {"file": 9}


def test_what_is_gone_before_it_has_its_name_is_an_error_and_the_second_attempt_of_a_keeper_is_none(folder):
    keeper = FolderKeeper(str(folder))
    keeper.write("a.partial", 0, b"a")
    keeper.rename("a.partial", "a")
    keeper.rename("a.partial", "a")
    with pytest.raises(FileNotFoundError):
        keeper.rename("b.partial", "b")
