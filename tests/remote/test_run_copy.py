import pytest

from raycluster.errors import UserError
from raycluster.remote.folder import RemoteFolder
from raycluster.remote.run_copy import copy_of


def test_a_copy_has_what_is_read_and_goes_at_the_end(s3, console):
    for name in ("summary.json", "model/a", "model/b.0123abcd.partial", "checkpoints/training/000000/state.json"):
        s3.write(f"read/run/{name}", name.encode())
    for only, kept in (("", {"summary.json", "model/a"}), ("model/", {"model/a"})):
        with copy_of(s3.uri("read/run"), console, only) as run:
            assert run.name == "run"
            assert {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()} == kept
        assert not run.exists()


def test_a_run_that_changes_while_it_is_read_is_told(s3, console, monkeypatch):
    s3.write("moving/run/a", b"1")
    s3.write("moving/run/summary.json", b"1")
    get = RemoteFolder.get

    def get_and_change(self, name, path):
        get(self, name, path)
        s3.write("moving/run/summary.json", b"22")

    monkeypatch.setattr(RemoteFolder, "get", get_and_change)
    with pytest.raises(UserError, match="moving/run has changed while it was read: run the same command again"):
        copy_of(s3.uri("moving/run"), console).__enter__()
