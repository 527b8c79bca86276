import io
import zipfile

import numpy as np
import pytest

from raycluster.data.containers.npz import image_arrays, labels_array, read_npz, read_npz_labels
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable


@pytest.fixture
def images():
    return np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_images_and_labels_come_back(tmp_path, images, save):
    save(tmp_path / "a.npz", images=images, labels=[3, 4])
    np.testing.assert_array_equal(read_npz(Location(str(tmp_path)), "a.npz"), images)
    np.testing.assert_array_equal(read_npz_labels(Location(str(tmp_path)), "a.npz"), [3, 4])


def test_uncompressed_npz_is_memory_mapped_after_other_members_and_in_fortran_order(tmp_path, images):
    np.savez(tmp_path / "a.npz", a_longer_name=np.arange(1000), images=np.asfortranarray(images))
    array = read_npz(Location(str(tmp_path)), "a.npz")
    assert isinstance(array, np.memmap)
    np.testing.assert_array_equal(array, images)


def test_npz_without_labels_returns_none_and_without_images_lists_its_arrays(tmp_path, images):
    np.savez(tmp_path / "a.npz", x_train=images)
    assert read_npz_labels(Location(str(tmp_path)), "a.npz") is None
    with pytest.raises(Unreadable, match=r"no array named images \(it has x_train\)"):
        read_npz(Location(str(tmp_path)), "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_pickled_objects_are_never_loaded(tmp_path, save):
    save(tmp_path / "a.npz", images=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(Unreadable, match="not a complete NPZ file"):
        read_npz(Location(str(tmp_path)), "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_truncated_npz_is_unreadable(tmp_path, images, save):
    save(tmp_path / "a.npz", images=images)
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[:-30])
    with pytest.raises(Unreadable, match="not a complete NPZ file"):
        read_npz(Location(str(tmp_path)), "a.npz")


@pytest.mark.parametrize(
    ("shapes", "names"),
    [
        ({"images": (2, 4, 4), "masks": (2, 4, 4)}, ["images"]),
        ({"pictures": (2, 4, 4), "labels": (2,)}, ["pictures"]),
        (
            {"test_images": (2, 4, 4, 3), "train_labels": (3, 1), "train_images": (3, 4, 4, 3)},
            ["train_images", "test_images"],
        ),
        ({"x_test": (2, 4, 4), "y_test": (2,), "x_train": (2, 4, 4), "y_train": (2,)}, ["x_train", "x_test"]),
    ],
)
def test_the_images_of_an_npz_file_are_found_by_name_or_shape(tmp_path, shapes, names):
    np.savez(tmp_path / "a.npz", **{name: np.zeros(shape, np.uint8) for name, shape in shapes.items()})
    assert image_arrays(Location(str(tmp_path)), "a.npz") == names
    assert image_arrays(Location(str(tmp_path)), "a.npz", names[-1]) == names[-1:]


def test_an_npz_file_in_doubt_names_its_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros((2, 4, 4)), b=np.zeros((2, 4, 4)), c=np.zeros(2))
    with pytest.raises(Unreadable, match="arrays a, b could all be images: name one with --array"):
        image_arrays(Location(str(tmp_path)), "a.npz")
    with pytest.raises(Unreadable, match=r"no array named d \(it has a, b, c\): name one with --array"):
        image_arrays(Location(str(tmp_path)), "a.npz", "d")
    np.savez(tmp_path / "a.npz", c=np.zeros(2), words=np.full((2, 2, 2), "x"))
    with pytest.raises(Unreadable, match=r"no array holds images \(it has c, words\)"):
        image_arrays(Location(str(tmp_path)), "a.npz")


@pytest.mark.parametrize(
    ("array", "labels"),
    [("images", "labels"), ("val_images", "val_labels"), ("x_train", "y_train"), ("pictures", "labels")],
)
def test_labels_are_named_after_their_images(array, labels):
    assert labels_array(array) == labels


def test_a_column_of_labels_is_one_label_per_image(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=np.zeros((2, 4, 4)), train_labels=[[5], [6]])
    assert read_npz_labels(Location(str(tmp_path)), "a.npz", "train_images").tolist() == [5, 6]


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_npz_header_that_claims_more_than_there_is_is_unreadable(tmp_path, kind):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**8, 1000, 1000)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w", kind) as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(1000))
    with pytest.raises(Unreadable, match="claims more than the 1,000 bytes"):
        read_npz(Location(str(tmp_path)), "a.npz")


def test_an_encrypted_npz_file_is_unreadable(tmp_path, images):
    np.savez(tmp_path / "a.npz", images=images)
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag in the directory at the end
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(Unreadable, match="it is encrypted"):
        read_npz(Location(str(tmp_path)), "a.npz")
