import pytest

from raycluster.data.files.kinds import kind_of, no_kind_reason


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.JPG", "images"),
        ("a.tif", "images"),
        ("a.jfif", "images"),
        ("a.pq", "parquet"),
        ("a.npz", "npz"),
        ("a.npy", "npy"),
        ("a.tar", "tar"),
        ("a.tar.gz", "tar"),
        ("a.TGZ", "tar"),
        ("train-images-idx3-ubyte.gz", "idx"),
        ("train-images.idx3-ubyte", "idx"),
        ("train-labels-idx1-ubyte.gz", None),
        ("a.txt", None),
        ("a", None),
    ],
)
def test_the_kind_follows_from_the_name(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.TXT", "not an image: .txt"),
        ("a.jxl", "images of this format are not supported: .jxl"),
        ("a.CR2", "camera raw files are not read: export it as JPEG, PNG or TIFF: .cr2"),
        ("a.zip", "an archive that is not read; unpack it: .zip"),
        ("LICENSE", "not an image: no suffix, and no image inside"),
    ],
)
def test_other_names_say_why_they_are_no_input(name, reason):
    assert no_kind_reason(name) == reason
