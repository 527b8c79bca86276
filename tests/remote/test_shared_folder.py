import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from raycluster.remote import shared_folder
from raycluster.remote.shared_folder import SharedFolder, share
from raycluster.runtime.checkpoint import load_latest, save_checkpoint
from raycluster.runtime.files import remove_tree
from raycluster.runtime.session import ray_session as connect
from raycluster.runtime.stand_in import deliver
from tests import storage
from tests.s3_server import until


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_folder, "EVERY_S", 0.05)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def cluster(ray_session):
    with connect() as found:
        assert found.is_private
        yield replace(found, is_private=False)


@pytest.fixture
def shared(out, cluster):
    with share(out, cluster) as folder:
        yield folder


@pytest.fixture
def unseen(shared):
    """The folder as a machine knows it that does not see it."""
    return storage.unseen(shared)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_one_machine_alone_needs_nothing(out, cluster):
    with share(out, replace(cluster, is_private=True)) as folder:
        assert folder == SharedFolder(out)
        with folder.opened() as path:
            assert path == out
    assert names(out) == ["config.json"]


def test_a_machine_that_sees_the_folder_works_in_it(shared, out):
    with shared.opened("checkpoints/") as path, shared.file(Path("embeddings/part")) as part:
        assert (path, part) == (out, out / "embeddings" / "part")


def test_a_machine_that_does_not_works_in_a_copy_of_what_it_needs(unseen, out):
    save_checkpoint(out / "checkpoints" / "driver", {}, {"step": 1})
    (out / "metrics.jsonl").write_text("by another process\n")
    with unseen.opened("checkpoints/driver/") as path:
        assert path != out
        assert path.name == out.name
        assert sorted({name.rpartition("/")[0] for name in names(path)}) == ["checkpoints/driver/000000"]
        for step in (2, 3):
            save_checkpoint(path / "checkpoints" / "driver", {}, {"step": step})
            deliver(path)
            assert load_latest(out / "checkpoints" / "driver")[1] == {"step": step}
        assert sorted(os.listdir(out / "checkpoints" / "driver")) == ["000001", "000002"]
        (path / "late").write_text("at the end")
    assert (out / "late").read_text() == "at the end"
    assert (out / "metrics.jsonl").read_text() == "by another process\n"
    assert (out / "config.json").exists()
    assert os.listdir(tempfile.gettempdir()) == []


def test_what_grows_is_passed_on_meanwhile(unseen, out):
    with unseen.opened("config.json") as path, open(path / "metrics.jsonl", "w") as file:
        assert (path / "config.json").exists()
        for line in ("first\n", "second\n"):
            file.write(line)
            file.flush()
            until(lambda line=line: (out / "metrics.jsonl").exists() and line in (out / "metrics.jsonl").read_text())


def test_what_a_process_leaves_that_fails_is_passed_on(unseen, out):
    def fail():
        with unseen.opened() as path:
            (path / "error.log").write_text("why")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (out / "error.log").read_text() == "why"


def test_a_single_file_is_passed_on_if_it_was_written(unseen, out):
    part = Path("embeddings/part-00000.parquet")
    with unseen.file(part) as path:
        assert not path.exists()
    assert not (out / part).exists()
    with unseen.file(part) as path:
        path.write_text("rows")
    assert (out / part).read_text() == "rows"
    assert os.listdir(tempfile.gettempdir()) == []


def test_copies_of_processes_that_were_killed_are_removed_and_those_in_use_are_not(unseen):
    with unseen.opened() as path:
        home = path.parents[1]
        left = home.with_name(home.name[:-1] + ("a" if home.name[-1] != "a" else "b"))
        left.mkdir()
        (left / "file").touch()
        with unseen.opened():
            assert path.exists()
            assert not (left / "file").exists()
    assert os.listdir(tempfile.gettempdir()) == []


def test_an_error_on_the_way_names_the_folder_of_the_command(unseen, out):
    (out / "embeddings").write_text("no folder")

    def work():
        with unseen.opened("checkpoints/") as path:
            (path / "embeddings").mkdir()
            (path / "embeddings" / "part").touch()

    with pytest.raises(OSError, match=str(out)):
        work()


def test_what_other_processes_write_meanwhile_is_theirs(unseen, out):
    """Also a checkpoint that is half there when a copy begins, and folders that the copy does not have."""
    theirs = out / "checkpoints" / "training" / "000001"
    save_checkpoint(theirs.parent, {}, {"epoch": 1})
    theirs.mkdir()
    (theirs / "tensors.safetensors").touch()
    with unseen.opened("checkpoints/training/", "checkpoints/driver/") as path:
        (theirs / "state.json").write_text("{}")
        save_checkpoint(path / "checkpoints" / "driver", {}, {"step": 1})
        deliver(path)
        remove_tree(path / "checkpoints" / "driver")
        deliver(path)
    assert names(out / "checkpoints") == [
        f"training/00000{number}/{name}" for number in (0, 1) for name in ("state.json", "tensors.safetensors")
    ]


def test_a_checkpoint_is_there_as_a_whole_and_stays_as_the_first_process_wrote_it(unseen, out):
    training = "checkpoints/training"
    with unseen.opened(f"{training}/") as path:
        (path / training / "000000").mkdir(parents=True)
        (path / training / "000000" / "tensors.safetensors").write_bytes(b"of the former worker")
        deliver(path)
        assert [one.suffix for one in (out / training).iterdir()] == [".partial"]
        save_checkpoint(out / training, {}, {"epoch": 1})  # by the worker that has replaced it
        (path / training / "000000" / "state.json").write_text("{}")
        with pytest.raises(OSError, match="000000"):
            deliver(path)
        assert load_latest(out / training)[1] == {"epoch": 1}
        remove_tree(path / training)


def test_many_processes_begin_at_once(unseen, out):
    def work(number):
        with unseen.opened() as path:
            (path / str(number)).touch()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(40)))
    assert names(out)[1:-1] == sorted(map(str, range(40)))
    assert os.listdir(tempfile.gettempdir()) == []


def test_what_killed_processes_left_in_the_folder_is_removed_when_it_is_shared_again(cluster, out):
    (out / ".lock.0a1b2c3d").touch()
    for place in ("checkpoints/training", "trials/0001/checkpoints/training"):
        (out / place / "000001.0a1b2c3d.partial").mkdir(parents=True)
        save_checkpoint(out / place, {}, {"epoch": 1})
        (out / place / "000002.0a1b2c3d.partial").mkdir()
    (out / "trials" / "0001" / "kept.partial").touch()
    with share(out, replace(cluster, is_private=True)):
        pass
    assert not [*out.rglob("*.*.partial"), *out.glob(".lock.*")]
    assert (out / "trials" / "0001" / "kept.partial").exists()
    assert load_latest(out / "checkpoints" / "training")[1] == {"epoch": 1}
