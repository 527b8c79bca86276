import gzip
import struct

import numpy as np
import pytest

from raycluster.data.containers.idx import idx_labels_name, read_idx
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable


@pytest.fixture
def images():
    return np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


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


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_idx_header_that_claims_more_than_there_is_is_unreadable(tmp_path, pack):
    (tmp_path / "a").write_bytes(pack(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2) + bytes(100)))
    with pytest.raises(Unreadable, match="its header claims more than the"):
        read_idx(Location(str(tmp_path)), "a")
