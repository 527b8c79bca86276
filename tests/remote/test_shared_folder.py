import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from raycluster.remote import shared_folder
from raycluster.remote.shared_folder import SharedFolder, share
from raycluster.runtime.checkpoint import load_latest, save_checkpoint
from raycluster.runtime.session import ray_session as connect
from raycluster.runtime.stand_in import deliver
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
        yield found


@pytest.fixture
def shared(out, cluster):
    with share(out, cluster) as folder:
        yield folder


@pytest.fixture
def unseen(shared):
    """The folder as a machine knows it that does not see it."""
    return replace(shared, sign=".lock.of-another-folder")


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
    with unseen.opened() as path, open(path / "metrics.jsonl", "w") as file:
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
