"""The kinds of files, as their names tell."""

from __future__ import annotations

import os
import re

from raycluster.data.image.formats import IMAGE_SUFFIXES, RAW_REASON, RAW_SUFFIXES

UNREAD_IMAGE_SUFFIXES = (".jxl", ".svg", ".exr", ".hdr", ".dcm", ".eps", ".xcf", ".wmf", ".emf")
IDX_IMAGES = re.compile(r"idx[34](-ubyte)?(\.gz)?$", re.IGNORECASE)
IDX_LABELS = re.compile(r"idx1(-ubyte)?(\.gz)?$", re.IGNORECASE)
TAR = re.compile(r"\.(tar|tar\.(gz|bz2|xz|zst)|tgz|tbz2?|txz)$", re.IGNORECASE)
CONTAINER_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".npz": "npz", ".npy": "npy"}
ARCHIVE_SUFFIXES = (".zip", ".rar", ".7z", ".gz", ".bz2", ".xz", ".zst")

LEFT_OUT = ""
DIGITS = "digits"
# Files are recorded by the position of their kind here.
KINDS = (LEFT_OUT, "images", "parquet", "tar", "npz", "npy", "idx", DIGITS)
ARRAY_KINDS = ("npz", "idx", DIGITS)  # files of unencoded images that all have one size
KIND_NAMES = {"images": "image", "parquet": "Parquet", "npz": "NPZ", "npy": "NPY", "idx": "IDX", "tar": "tar"}


def kind_of(name: str) -> str | None:
    """Return the kind of a file by its name, or None if it is not an input."""
    if IDX_IMAGES.search(name):
        return "idx"
    if TAR.search(name):
        return "tar"
    suffix = suffix_of(name)
    return "images" if suffix in IMAGE_SUFFIXES else CONTAINER_SUFFIXES.get(suffix)


def suffix_of(name: str) -> str:
    """Return the suffix of a file in lower case, with its dot, or an empty text."""
    return os.path.splitext(name)[1].lower()


def no_kind_reason(name: str) -> str:
    """Return why a file is not an input, where its name alone says so."""
    suffix = suffix_of(name)
    if not suffix:
        return "not an image: no suffix, and no image inside"
    if suffix in RAW_SUFFIXES:
        return f"{RAW_REASON}: {suffix}"
    if suffix in UNREAD_IMAGE_SUFFIXES:
        return f"images of this format are not supported: {suffix}"
    if suffix in ARCHIVE_SUFFIXES:
        return f"an archive that is not read; unpack it: {suffix}"
    return f"not an image: {suffix}"
