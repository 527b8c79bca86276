import pytest
from pyarrow import fs

from raycluster.errors import UserError
from raycluster.remote.folder import RemoteFolder, version_of

ADDRESS = "s3://KEY12345:SECRET12345@bucket/runs/a?region=us-east-1&session_token=TOKEN12345"


@pytest.fixture
def remote(tmp_path):
    return RemoteFolder(fs.LocalFileSystem(), str(tmp_path / "bucket" / "run"), ADDRESS)


def test_an_address_is_shown_and_reasons_are_given_without_secrets(remote):
    assert remote.shown == "s3://***@bucket/runs/a"
    error = OSError("When writing: AWS Error ACCESS_DENIED during Put: KEY12345 SECRET12345 TOKEN12345 (Request ID: 1)")
    assert remote.reason(error) == "ACCESS_DENIED during Put: *** *** ***"
    assert remote.reason(OSError("Connection refused.\nmore")) == "Connection refused"


def test_files_are_written_listed_read_and_removed(remote, tmp_path):
    assert remote.files() == {}
    assert remote.read("a/b") is None
    path = tmp_path / "file"
    path.write_text("four")
    assert remote.put("a/b", path) == version_of(path)
    assert remote.files() == {"a/b": 4}
    remote.get("a/b", tmp_path / "x" / "y")
    assert (tmp_path / "x" / "y").read_text() == "four"
    remote.remove("a/b")
    remote.remove("a/b")
    assert remote.files() == {}
    assert version_of(tmp_path / "nothing") is None


def test_a_folder_that_can_be_written_to_holds_nothing_afterwards(remote, tmp_path):
    assert remote.check_writable() > 0
    assert remote.files() == {}
    (tmp_path / "bucket").rename(tmp_path / "gone")
    (tmp_path / "bucket").write_text("a file")
    with pytest.raises(UserError, match=r"s3://\*\*\*@bucket/runs/a cannot be written to \(.*\): check the address"):
        remote.check_writable()


def test_what_is_no_folder_behind_a_uri_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"s3://\*\*\*@bucket.* is a whole bucket: choose a folder in it"):
        RemoteFolder.open("s3://KEY:SECRET@bucket/?region=us-east-1")
    with pytest.raises(UserError, match=f"file://{tmp_path} is on this machine: name it by its path, {tmp_path}"):
        RemoteFolder.open(f"file://{tmp_path}")
    for path in ("a/..", "./a", "a//b", "../a"):
        with pytest.raises(UserError, match="is not a plain path"):
            RemoteFolder.open(f"s3://bucket/{path}?region=us-east-1")
    for path in ("run#2", "my run", "fotos-ü"):
        with pytest.raises(UserError, match="write a space as %20, # as %23"):
            RemoteFolder.open(f"s3://bucket/{path}?region=us-east-1")
    assert RemoteFolder.open("s3://bucket/a%20b/?region=us-east-1").base == "bucket/a b"


def test_an_interrupted_upload_leaves_no_part_of_a_file(remote, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("whole")

    def copy_some(source, target, size):
        target.write(b"wh")
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfileobj", copy_some)
    with pytest.raises(KeyboardInterrupt):
        remote.put("a", tmp_path / "file")
    assert remote.files() == {}
