import errno
import os

import pytest

from raycluster.results.placing import (
    NO_LINKS,
    OCCUPIED,
    OTHER_DISK,
    NotPlaced,
    copy_file,
    link_hard,
    link_symbolically,
    write_bytes,
)

WAYS = [copy_file, link_hard, link_symbolically]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.png"
    path.write_bytes(b"picture")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return str(path)


@pytest.mark.parametrize("way", WAYS)
def test_an_image_gets_to_its_place_and_may_be_there_already(way, source, tmp_path):
    for _ in range(2):
        way(source, tmp_path / "target.png")
        assert (tmp_path / "target.png").read_bytes() == b"picture"
    assert os.stat(tmp_path / "target.png").st_mtime == 1_000_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.png", "target.png"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["file", "folder", "broken link"])
def test_what_is_there_is_never_overwritten(way, what, source, tmp_path):
    target = tmp_path / "target.png"
    if what == "file":
        target.write_bytes(b"another")  # of the same length
    elif what == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotPlaced, match=OCCUPIED):
        way(source, target)
    with pytest.raises(NotPlaced, match=OCCUPIED):
        write_bytes(b"picture", target)
    assert what != "file" or target.read_bytes() == b"another"
    assert what != "broken link" or os.readlink(target) == str(tmp_path / "nowhere")


def test_a_copy_with_other_times_is_known_by_its_content(source, tmp_path):
    (tmp_path / "target.png").write_bytes(b"picture")
    copy_file(source, tmp_path / "target.png")


def test_a_hard_link_is_to_the_file_behind_a_link(source, tmp_path):
    (tmp_path / "link.png").symlink_to(source)
    link_hard(str(tmp_path / "link.png"), tmp_path / "target.png")
    assert not (tmp_path / "target.png").is_symlink()
    assert os.path.samefile(source, tmp_path / "target.png")


def test_bytes_become_a_file_once(tmp_path):
    for _ in range(2):
        write_bytes(b"picture", tmp_path / "target.png")
        assert (tmp_path / "target.png").read_bytes() == b"picture"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(NotPlaced, match="the file no longer exists"):
        copy_file(str(tmp_path / "gone.png"), tmp_path / "target.png")


@pytest.mark.parametrize(("number", "reason"), [(errno.EXDEV, OTHER_DISK), (errno.EPERM, NO_LINKS)])
def test_what_cannot_be_linked_is_named_with_the_reason(number, reason, source, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(NotPlaced, match=reason):
        link_hard(source, tmp_path / "target.png")


def test_a_full_disk_stops_everything_and_leaves_no_part_of_a_file(source, tmp_path, monkeypatch):
    def fill(source, partial):
        partial.write_bytes(b"pic")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source)

    monkeypatch.setattr("shutil.copy2", fill)
    with pytest.raises(OSError, match="No space left") as caught:
        copy_file(source, tmp_path / "target.png")
    assert caught.value.filename == str(tmp_path / "target.png")
    assert [path.name for path in tmp_path.iterdir()] == ["source.png"]
