import pytest
from pyarrow import fs

from raycluster.data.location import Location, open_filesystem
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


def test_only_files_on_this_machine_have_a_local_path(location):
    path = location.local_path("a.png")
    assert path is None if location.filesystem else path.endswith("/a.png")


@pytest.mark.parametrize("source", ["foo://bucket/images", "file:// bad"])
def test_a_uri_that_cannot_be_opened_is_a_clear_error(source):
    with pytest.raises(UserError, match="cannot be opened"):
        open_filesystem(source)
