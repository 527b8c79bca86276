"""The image formats that are read, and how a file is recognized: by its content, and by its name only where it must."""

from __future__ import annotations

import functools
import importlib.util
import os
import re

# By Pillow itself. Left out are the formats for which it starts external programs or has only a stub (EPS, WMF, HDF5),
# those that it decodes with wrong values (FITS), and those that nobody stores pictures in any more.
SUFFIXES = {
    "AVIF": (".avif", ".avifs"),
    "BMP": (".bmp",),
    "CUR": (".cur",),
    "DDS": (".dds",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "HEIF": (".heic", ".heics", ".heif", ".heifs", ".hif"),
    "ICNS": (".icns",),
    "ICO": (".ico",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "PCX": (".pcx",),
    "PNG": (".png", ".apng"),
    "PPM": (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
    "PSD": (".psd",),
    "QOI": (".qoi",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "SUN": (".ras",),
    "TGA": (".tga", ".icb", ".vda", ".vst"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "XBM": (".xbm",),
    "XPM": (".xpm",),
}
IMAGE_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
RAW_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"),
    *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
RAW_REASON = "camera raw files are not read: export it as JPEG, PNG or TIFF"
NO_HEIF = "HEIC and HEIF need the package pillow-heif: run pip install pillow-heif, or export it as JPEG"
HEAD_BYTES = 64

# Formats whose files begin with nothing of their own, so that only the name tells them.
_BY_NAME = {suffix: format for format in ("DIB", "TGA", "XBM") for suffix in SUFFIXES[format]}

_BEGINNINGS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00",
    "CUR": rb"\x00\x00\x02\x00(?!\x00\x00)",  # an uncompressed TGA has zeros there
    "DDS": rb"DDS ",
    "GIF": rb"GIF8[79]a",
    "ICNS": rb"icns",
    "ICO": rb"\x00\x00\x01\x00(?!\x00\x00)",
    "JPEG2000": rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n",
    "PCX": rb"\n[\x00\x02\x03\x05]\x01[\x01\x02\x04\x08]",
    "PPM": rb"P[1-6f]\s",
    "PSD": rb"8BPS",
    "QOI": rb"qoif",
    "SGI": rb"\x01\xda[\x00\x01][\x01\x02]",
    "SUN": rb"\x59\xa6\x6a\x95",
    "TIFF": rb"II[*+]\x00|MM\x00[*+]|MM[*]\x00|II\x00[*]",
    "WEBP": rb"RIFF.{4}WEBP",
    "XPM": rb"/\* XPM \*/",
}
_BEGINNING = re.compile(
    b"|".join(b"(?P<%s>%s)" % (format.encode(), pattern) for format, pattern in _BEGINNINGS.items()), re.DOTALL
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_RAW = re.compile(rb"II\*\x00.{4}CR|IIR[OS]|MMOR|IIU\x00|FUJIFILMCCD-RAW|FOVb|.{4}ftypcrx ", re.DOTALL)


def sniff(head: bytes) -> str | None:
    """Return the format of an image file by how it begins, as Pillow names it, or None if it is no known one.

    Parameters
    ----------
    head : bytes
        The first 32 bytes or more.
    """
    if head[4:8] == b"ftyp":
        # The main brand of an AVIF file may be a general one; the list of compatible brands then has its own.
        end = min(len(head), int.from_bytes(head[:4], "big"))
        brands = {head[i : i + 4] for i in (8, *range(16, end, 4))}
        return "AVIF" if brands & _AVIF_BRANDS else "HEIF" if brands & _HEIF_BRANDS else None
    match = _BEGINNING.match(head)
    return match.lastgroup if match else None


def format_of(name: str, head: bytes) -> str | None:
    """Return the format of an image file: that of its content, or else of its name where the content cannot tell."""
    return sniff(head) or _BY_NAME.get(_suffix(name))


def unsupported_reason(name: str, head: bytes) -> str | None:
    """Return why a picture of a known kind is not read here, in plain words with a way out, or None.

    Parameters
    ----------
    name : str
        With its suffix; may be empty.
    head : bytes
        As for :func:`sniff`.
    """
    format = sniff(head)
    if _RAW.match(head) or (format in (None, "TIFF") and _suffix(name) in RAW_SUFFIXES):
        return RAW_REASON
    if format == "HEIF" and not reads_heif():
        return NO_HEIF
    return None


@functools.cache
def reads_heif() -> bool:
    """Return whether HEIC and HEIF can be read, and if so, let Pillow read them."""
    if importlib.util.find_spec("pillow_heif") is None:
        return False
    import pillow_heif

    pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False)
    return True


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
