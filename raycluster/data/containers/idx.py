"""Images in IDX files, gzipped or not, as MNIST comes."""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib

import numpy as np

from raycluster.data.containers.arrays import TOO_LARGE, check_claim
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable, message_of

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IDX_LONGEST_HEADER = 4 + 4 * 255
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_MOST = 1032  # how many times larger the content of a gzip file can be
CHUNK = 2**20


def read_idx(location: Location, name: str) -> np.ndarray:
    """Return the array of an IDX file, gzipped or not; a plain file on this machine is memory-mapped, not read.

    Raises
    ------
    Unreadable
        If the file is damaged or not an IDX file.
    """
    try:
        with location.open(name) as file:
            head = file.read(IDX_LONGEST_HEADER)
            n_bytes = file.seek(0, os.SEEK_END)
            file.seek(0)
            if head.startswith(GZIP_MAGIC):
                with gzip.GzipFile(fileobj=file) as stream:
                    dtype, shape, start = _idx_header(stream.read(IDX_LONGEST_HEADER))
                    check_claim(dtype, shape, n_bytes * DEFLATE_MOST - start)
                    stream.seek(start)
                    data = stream.read(dtype.itemsize * math.prod(shape))
                    while stream.read(CHUNK):  # to the end, where it says whether it is whole
                        pass
                return np.frombuffer(data, dtype).reshape(shape)
            dtype, shape, start = _idx_header(head)
            check_claim(dtype, shape, n_bytes - start)
            if path := location.local_path(name):
                return np.memmap(path, dtype, "r", start, shape)
            file.seek(start)
            return np.frombuffer(file.read(dtype.itemsize * math.prod(shape)), dtype).reshape(shape)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, struct.error) as error:
        raise Unreadable(f"not a complete IDX file: {message_of(error)}") from None
    except MemoryError:
        raise Unreadable(TOO_LARGE) from None


def idx_labels_name(name: str) -> str:
    """Return the name of the labels file that belongs to an IDX images file."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + re.sub("idx[34]", "idx1", file.replace("images", "labels"))


def _idx_header(data: bytes) -> tuple[np.dtype, tuple[int, ...], int]:
    if len(data) < 4 or len(data) < 4 + 4 * data[3]:
        raise ValueError("it is cut off within its header")
    zeros, code, n_dimensions = struct.unpack_from(">HBB", data)
    if zeros != 0 or code not in IDX_TYPES:
        raise ValueError("its first bytes are not those of an IDX file")
    return np.dtype(IDX_TYPES[code]), struct.unpack_from(f">{n_dimensions}I", data, 4), 4 + 4 * n_dimensions
