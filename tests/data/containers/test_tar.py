import bz2
import gzip
import io
import lzma
import subprocess
import tarfile

import pytest

from raycluster.data.containers.tar import TarStream, scan_tar
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable


def write_tar(path, members: dict[str, bytes | tarfile.TarInfo], format=tarfile.PAX_FORMAT) -> None:
    with tarfile.open(path, "w", format=format) as archive:
        for name, data in members.items():
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            info.size = len(data) if isinstance(data, bytes) else 0
            archive.addfile(info, io.BytesIO(data if isinstance(data, bytes) else b""))


def link(target: str, kind=tarfile.LNKTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def read_all(folder, name="a.tar"):
    """What a tar file holds, by member: the data, or the reason why there is none."""
    location = Location(str(folder))
    index = scan_tar(location, name)
    places = zip(index.part.tolist(), index.position.tolist(), index.size.tolist(), strict=True)
    with TarStream(location, name) as stream:
        items = [str(index.reasons[i]) if i in index.reasons else stream.read(*place) for i, place in enumerate(places)]
    return dict(zip(index.names, items, strict=True))


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_images_are_rows_and_what_has_their_key_is_metadata(tmp_path, format):
    long_name = "a" * 90 + "/" + "b" * 90 + ".png"  # needs a header of its own, or its prefix
    members = {
        "1.jpg": b"one",
        "1.cls": b"4",
        "1.json": b"{}",
        "./b/2.x.png": b"two",
        long_name: b"three",
        "b/2.cls": b"0",
    }
    write_tar(tmp_path / "a.tar", members, format)
    assert read_all(tmp_path) == {"1.jpg": b"one", "b/2.x.png": b"two", long_name: b"three"}
    assert scan_tar(Location(str(tmp_path)), "a.tar").labels.tolist() == [4, 0, -1]


def test_every_other_member_that_is_not_a_folder_is_a_row_with_a_reason(tmp_path):
    members = {
        "1.jpg": b"one",
        "1.jxl": b"another",
        "2.image": b"two",
        "about.txt": b"text",
        "noise": b"\xff\xd8\xff and so on",
        "README": b"text",
        "__MACOSX/._1.jpg": b"",
        "._1.jpg": b"",
        "pipe.png": link("", tarfile.FIFOTYPE),
        "folder": link("", tarfile.DIRTYPE),
    }
    write_tar(tmp_path / "a.tar", members)
    assert read_all(tmp_path) == {
        "1.jpg": b"one",
        "1.jxl": "images of this format are not supported: .jxl",
        "2.image": "not an image: .image",
        "about.txt": "not an image: .txt",
        "noise": b"\xff\xd8\xff and so on",
        "README": "not an image: no suffix, and no image inside",
        "__MACOSX/._1.jpg": "metadata that macOS adds to archives (__MACOSX)",
        "._1.jpg": "metadata of macOS (._)",
        "pipe.png": "not a regular file",
    }


def test_links_stand_for_the_members_that_they_name(tmp_path):
    members = {
        "early.png": link("a/real.png"),
        "a/real.png": b"real",
        "a/real.cls": b"7",
        "a/hard.png": link("a/real.png"),
        "a/hard.cls": link("a/real.cls"),
        "a/soft.png": link("real.png", tarfile.SYMTYPE),
        "b/twice.png": link("../a/soft.png", tarfile.SYMTYPE),
        "lost.png": link("nowhere.png", tarfile.SYMTYPE),
        "circle.png": link("circle.png"),
        "text.txt": link("a/real.png"),
    }
    write_tar(tmp_path / "a.tar", members)
    lost = "a link to {}, which is not in the tar file"
    assert read_all(tmp_path) == {
        **dict.fromkeys(["early.png", "a/real.png", "a/hard.png", "a/soft.png", "b/twice.png"], b"real"),
        "lost.png": lost.format("nowhere.png"),
        "circle.png": lost.format("circle.png"),
        "text.txt": "not an image: .txt",
    }
    assert scan_tar(Location(str(tmp_path)), "a.tar").labels.tolist() == [-1, 7, 7, -1, -1, -1, -1, -1]


@pytest.mark.parametrize("format", ["gnu", "pax"])
def test_sparse_members_are_read_with_their_holes(tmp_path, format):
    with open(tmp_path / "1.png", "wb") as file:
        file.write(b"begin")
        file.seek(2**20)
        file.write(b"end")
    (tmp_path / "2.png").write_bytes(b"two")
    subprocess.run(["tar", "-S", f"--format={format}", "-cf", "a.tar", "1.png", "2.png"], cwd=tmp_path, check=True)
    assert (tmp_path / "a.tar").stat().st_size < 2**19
    assert read_all(tmp_path) == {"1.png": b"begin" + bytes(2**20 - 5) + b"end", "2.png": b"two"}


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_read_whatever_their_name(tmp_path, compress):
    write_tar(tmp_path / "plain", {"1.jpg": b"one" * 5000, "2.jpg": b"two"})
    data = compress((tmp_path / "plain").read_bytes())
    (tmp_path / "a.tar").write_bytes(data)
    assert scan_tar(Location(str(tmp_path)), "a.tar").is_compressed
    assert read_all(tmp_path) == {"1.jpg": b"one" * 5000, "2.jpg": b"two"}
    (tmp_path / "a.tar").write_bytes(data[:20])
    with pytest.raises(Unreadable):
        scan_tar(Location(str(tmp_path)), "a.tar")


def test_a_compressed_file_is_read_backward_too(tmp_path):
    write_tar(tmp_path / "plain", {"1.jpg": b"one", "2.jpg": b"two"})
    (tmp_path / "a.tar").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    location = Location(str(tmp_path))
    position = scan_tar(location, "a.tar").position.tolist()
    with TarStream(location, "a.tar") as stream:
        assert [stream.read(0, start, 3) for start in reversed(position)] == [b"two", b"one"]


@pytest.mark.parametrize(("kept", "complete"), [(3000, 1), (1100, 1), (1024, 1), (512 * 13, 2)])
def test_complete_members_of_a_truncated_tar_are_kept_and_the_rest_is_one_row(tmp_path, kept, complete):
    write_tar(tmp_path / "a.tar", {"1.jpg": b"one", "2.jpg": b"x" * 5000})
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:kept])
    items = list(read_all(tmp_path).values())
    assert items[:complete] == [b"one", b"x" * 5000][:complete]
    assert len(items) > complete
    assert all("truncated" in str(item) for item in items[complete:])


def test_a_file_that_is_not_tar_is_unreadable(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"not a tar file" * 100)
    with pytest.raises(Unreadable, match="not a complete tar file"):
        scan_tar(Location(str(tmp_path)), "a.tar")
    (tmp_path / "a.tar").write_bytes(b"\x28\xb5\x2f\xfd and so on")
    with pytest.raises(Unreadable, match="zstd"):
        scan_tar(Location(str(tmp_path)), "a.tar")


def test_a_member_that_claims_too_much_is_not_read(tmp_path):
    info = tarfile.TarInfo("1.jpg")
    info.size = 2**40
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(512))
    assert "too large" in read_all(tmp_path)["1.jpg"]


def test_classes_in_a_tar_may_be_names(tmp_path):
    write_tar(tmp_path / "a.tar", {"1.jpg": b"one", "1.cls": b"cat", "2.jpg": b"two"})
    assert scan_tar(Location(str(tmp_path)), "a.tar").labels.tolist() == ["cat", None]
