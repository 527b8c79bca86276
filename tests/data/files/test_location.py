import os
from importlib.util import find_spec

import pytest
from pyarrow import fs

from raycluster.data.files.location import Location, NotAFile, check_complete_address, open_filesystem, public_name
from raycluster.errors import UserError


@pytest.fixture(params=["local", "pyarrow"])
def location(request, tmp_path):
    (tmp_path / "a.png").write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    if request.param == "local":
        return Location(str(tmp_path))
    return Location(tmp_path.name, fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem()))


def test_files_are_read_from_any_file_system(location):
    assert location.read("a.png") == b"content"
    with location.open("a.png") as file:
        file.seek(3)
        assert file.read() == b"tent"
    assert location.has_file("a.png")
    assert not location.has_file("folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_what_is_no_file_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name, message in (("pipe.jpg", "not a regular file"), ("folder.jpg", "a folder, not a file")):
        with pytest.raises(NotAFile, match=message):
            Location(str(tmp_path)).open(name)


def test_only_files_on_this_machine_have_a_local_path(location):
    path = location.local_path("a.png")
    assert path is None if location.filesystem else path.endswith("/a.png")


@pytest.mark.parametrize("source", ["foo://bucket/images", "file:// bad"])
def test_a_uri_that_cannot_be_opened_is_a_clear_error(source):
    with pytest.raises(UserError, match="cannot be opened"):
        open_filesystem(source)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/a/b@c:d/e?f", "/a/b@c:d/e?f"),
        ("s3://bucket/@eaDir/x:y", "s3://bucket/@eaDir/x:y"),
        ("s3://KEY:SECRET@bucket/a", "s3://***@bucket/a"),
        ("s3://KEY:SEC/RET@bucket/a", "s3://***@bucket/a"),
        ("s3://bucket/a?region=us-east-1&access_token=T", "s3://bucket/a?region=us-east-1&access_token=***"),
        ("abfs://container@account/a?sig=S%3D&se", "abfs://container@account/a?sig=***&***"),
        ("abfs://account:KEY@container/a", "abfs://***@container/a"),
        ("hdfs://host:8020/a@b", "hdfs://host:8020/a@b"),
    ],
)
def test_secrets_of_a_uri_are_masked(source, shown):
    assert public_name(source) == shown


def test_an_address_without_its_secrets_is_asked_for_again():
    for source in ("s3://KEY:SECRET@bucket/a", "s3://bucket/a?access_token=T"):
        with pytest.raises(UserError, match=r"The credentials in s3://.*\*\*\*.* name it again, with --data"):
            check_complete_address(public_name(source), "--data")
    for source in ("s3://bucket/a?region=us-east-1", "/a/***/b", "digits"):
        assert check_complete_address(source, "--data") == source


def test_errors_about_a_uri_do_not_repeat_its_secrets():
    with pytest.raises(UserError) as error:
        open_filesystem("foo://KEY1234:SECRET5678@bucket/a?token=TOKEN90")
    message = str(error.value)
    assert "foo://***@bucket/a?token=*** cannot be opened" in message
    assert not any(secret in message for secret in ("KEY1234", "SECRET5678", "TOKEN90"))


def test_wildcards_and_braces_in_a_uri_are_kept(tmp_path):
    assert open_filesystem(f"file://{tmp_path}/a [b]/{{c,d}}") == (None, f"{tmp_path}/a [b]/{{c,d}}")


def test_hugging_face_needs_a_package():
    if find_spec("huggingface_hub"):
        pytest.skip("it is installed")
    with pytest.raises(UserError, match="pip install huggingface_hub"):
        open_filesystem("hf://datasets/a/b")
