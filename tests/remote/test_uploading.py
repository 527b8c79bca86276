import threading

import pytest

from raycluster.errors import TrainingFailed
from raycluster.remote import uploading
from raycluster.remote.destination import results_in
from raycluster.remote.folder import RemoteFolder
from raycluster.remote.uploading import persevere
from tests.s3_server import SECRET, left_here, until


def test_that_the_storage_is_out_of_reach_is_said_once(s3, console, told, monkeypatch):
    attempts, put = [], RemoteFolder.put

    def put_later(self, name, path):
        attempts.append(name)
        if len(attempts) < 5:
            raise OSError("away")
        return put(self, name, path)

    monkeypatch.setattr(RemoteFolder, "put", put_later)
    with results_in(s3.uri("once/run"), console) as out:
        out.mkdir()
        (out / "a").write_text("1")
        until(lambda: len(attempts) == 5)
    assert s3.files("once/run") == {"a": b"1"}
    assert told.getvalue().count("s3://***@bucket/once/run is out of reach (away)") == 1
    assert told.getvalue().count("is in reach again") == 1


def test_a_network_that_is_away_is_waited_for(s3, tmp_path, console, told):
    with results_in(s3.uri("away/run"), console) as out:
        out.mkdir()
        (out / "a").write_text("1")
        until(lambda: "a" in s3.files("away/run"))
        s3.stop()
        try:
            (out / "b").write_text("2")
            until(lambda: "out of reach" in told.getvalue())
            (out / "summary.json").write_text("{}")
        finally:
            threading.Timer(1, s3.start).start()
    assert s3.files("away/run").keys() == {"a", "b", "summary.json"}
    assert left_here(tmp_path) == []


def test_what_cannot_be_uploaded_stays_here_and_the_same_command_uploads_it(s3, tmp_path, console, monkeypatch):
    def put(self, name, path):
        raise OSError("AWS Error NETWORK_CONNECTION during PutObject operation: away (Request ID: 1)")

    monkeypatch.setattr(uploading, "PATIENCE_S", 0)
    begun = results_in(s3.uri("late/run"), console)
    out = begun.__enter__()
    out.mkdir()
    (out / "summary.json").write_text("{}")
    until(lambda: "summary.json" in s3.files("late/run"))
    sentence = r"could be uploaded to s3://.* \(NETWORK_CONNECTION .*: away\)\. .*: run the same command again"
    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "put", put)
        (out / "a").write_text("1")
        with pytest.raises(TrainingFailed, match=sentence) as error:
            begun.__exit__(None, None, None)
    assert str(out.parent) in str(error.value)
    assert SECRET not in str(error.value)
    with results_in(s3.uri("late/run"), console) as out:
        assert (out / "a").read_text() == "1"
    assert s3.files("late/run") == {"a": b"1", "summary.json": b"{}"}
    assert left_here(tmp_path) == []


def test_a_disk_without_room_is_no_reason_to_try_again():
    attempts = []

    def attempt(error):
        attempts.append(error)
        if len(attempts) < 3:
            raise error
        return "done"

    with pytest.raises(OSError, match="No space"):
        persevere(lambda: attempt(OSError(28, "No space left on device")), 60)
    assert persevere(lambda: attempt(OSError("away")), 60) == "done"
    assert len(attempts) == 3
