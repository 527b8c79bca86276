import gzip
import struct

import numpy as np
import pytest

from raycluster.data.arrays import (
    check_images,
    idx_labels_name,
    read_digits,
    read_idx,
    read_npz,
    read_npz_labels,
)
from raycluster.data.location import Location
from raycluster.data.unreadable import Unreadable


@pytest.fixture
def images():
    return np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


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


def test_idx_comes_back_plain_and_gzipped(tmp_path, images):
    (tmp_path / "plain").write_bytes(idx_bytes(images))
    (tmp_path / "packed").write_bytes(gzip.compress(idx_bytes(images)))
    plain = read_idx(Location(str(tmp_path)), "plain")
    assert isinstance(plain, np.memmap)
    np.testing.assert_array_equal(plain, images)
    np.testing.assert_array_equal(read_idx(Location(str(tmp_path)), "packed"), images)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_truncated_idx_is_unreadable(tmp_path, images, pack):
    (tmp_path / "short").write_bytes(pack(idx_bytes(images)[:-1]))
    (tmp_path / "header").write_bytes(pack(idx_bytes(images)[:9]))
    (tmp_path / "cut").write_bytes(pack(idx_bytes(images))[:-6])
    (tmp_path / "text").write_bytes(pack(b"not an idx file at all"))
    for name in ("short", "header", "cut", "text"):
        with pytest.raises(Unreadable, match="not a complete IDX file"):
            read_idx(Location(str(tmp_path)), name)


def test_the_idx_labels_file_is_found_by_its_name():
    assert idx_labels_name("images/t10k-images-idx3-ubyte.gz") == "images/t10k-labels-idx1-ubyte.gz"
    assert idx_labels_name("train-images.idx3-ubyte") == "train-labels.idx1-ubyte"


def test_digits_are_scaled_to_the_full_range():
    images, labels = read_digits()
    assert (images.shape, images.dtype, images.min(), images.max()) == ((1797, 8, 8), np.uint8, 0, 255)
    assert images[0, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]  # 5, 13, 9, 1 sixteenths of 255
    assert labels[:4].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 5, 6), (5, 6, 1)), ((2, 5, 6, 1), (5, 6, 1)), ((2, 5, 6, 4), (5, 6, 3)), ((2, 3, 5, 6), (5, 6, 3))],
)
def test_height_width_and_channels_of_images_in_an_array(shape, size):
    assert check_images(np.zeros(shape, np.uint8)) == size


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 64)),
        np.zeros((0, 4, 4)),
        np.zeros((2, 5, 6, 2)),
        np.full((2001, 2, 2), 1.01),
        np.full((2, 4, 4), 300),
    ],
)
def test_arrays_that_are_not_images_are_unreadable(array):
    with pytest.raises(Unreadable):
        check_images(array)
