import gzip
import io
import os
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyarrow import fs

from raycluster.data.canvas import Canvas
from raycluster.data.files import find_files
from raycluster.data.image.decode import decode
from raycluster.data.image.fit import prepare
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.reading import Reading
from raycluster.errors import UserError


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def mixed_folder(tmp_path):
    """300 images of all kinds in two folders, four of them unreadable, and two other files."""
    for i in range(290):
        shape = (20 + i % 7, 30 + i % 5) + ((3,) if i % 3 else ())
        path = tmp_path / ("even" if i % 2 == 0 else "odd") / f"{i:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noise(*shape, seed=i)).save(path)
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    Image.fromarray(noise(20, 30).astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(noise(20, 30)).convert("P").save(tmp_path / "palette.gif")
    Image.new("RGBA", (30, 20), (1, 2, 3, 0)).save(tmp_path / "clear.webp", lossless=True)
    Image.fromarray(noise(20, 30)).save(tmp_path / "图片.BMP")
    Image.new("L", (20_000, 40)).save(tmp_path / "strip.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("a letter")
    Image.fromarray(noise(64, 64, 3)).save(tmp_path / "whole.jpg")
    (tmp_path / "truncated.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    os.remove(tmp_path / "whole.jpg")
    (tmp_path / "zero.tif").symlink_to("nowhere")
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.png").touch()
    return tmp_path


def test_a_mixed_folder_is_read_and_every_file_is_an_image_or_rejected(ray_session, mixed_folder):
    opened = open_images(str(mixed_folder), Reading("folders"))
    images = load_images(opened)
    reasons = dict(images.rejected)
    assert reasons.pop("truncated.jpg").startswith("damaged")
    assert reasons == {
        ".hidden.png": "hidden",
        "empty.png": "the file is empty",
        "notes.txt": "not an image: .txt",
        "text.jpg": "not an image: its content is of no known format",
        "zero.tif": "the file no longer exists, or is a broken link",
    }
    assert "truncated.jpg" in opened.paths  # its header is whole
    assert (opened.n, images.n, images.shape) == (297, 296, (3, 23, 32))
    assert images.n + len(images.rejected) == images.n_listed == 302
    assert "图片.BMP" in images.paths
    assert images.class_names == ["even", "odd"]
    assert np.bincount(images.labels + 1).tolist() == [6, 145, 145]
    assert any("are in color" in note for note in images.notes)
    assert any("all are fitted to 23 x 32, with the median" in note for note in images.notes)
    assert any("1 of 297 images have more than 8 bits: 0 becomes black, and 65535 white" in n for n in images.notes)
    assert (images.pixels.shape, images.pixels.dtype) == ((296, 3, 23, 32), np.uint8)
    for path, pixels in zip(images.paths, images.pixels, strict=True):
        expected = prepare(decode((mixed_folder / path).read_bytes(), value_range=(0, 65535)), images.canvas)
        np.testing.assert_array_equal(pixels, expected, path)


def test_images_of_one_size_are_the_pixels_that_pillow_reads(ray_session, tmp_path):
    for i in range(70):
        Image.fromarray(noise(12, 10, 3, seed=i)).save(tmp_path / f"{i:02}.jpg")
    images = open_images(str(tmp_path))
    assert (images.shape, images.notes, images.labels) == ((3, 12, 10), [], None)
    expected = [np.asarray(Image.open(tmp_path / f"{i:02}.jpg")).transpose(2, 0, 1) for i in range(70)]
    np.testing.assert_array_equal(load_images(images).pixels, expected)


def test_ids_do_not_change_when_an_image_becomes_unreadable(ray_session, tmp_path):
    for name in "abcd":
        Image.new("L", (8, 8)).save(tmp_path / f"{name}.png")
    before = open_images(str(tmp_path))
    (tmp_path / "b.png").write_bytes(b"")
    after = open_images(str(tmp_path))
    assert dict(zip(before.paths, before.ids.tolist(), strict=True)) == {"a.png": 0, "b.png": 1, "c.png": 2, "d.png": 3}
    assert dict(zip(after.paths, after.ids.tolist(), strict=True)) == {"a.png": 0, "c.png": 2, "d.png": 3}


COLOR = noise(6, 5, 4, 3)
ENCODED = [png(pixels) for pixels in COLOR]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(ENCODED),
        pa.array([{"bytes": data, "path": None} for data in ENCODED]),
        pa.FixedShapeTensorArray.from_numpy_ndarray(COLOR),
        pa.array(COLOR.tolist(), pa.list_(pa.list_(pa.list_(pa.uint8())))),
    ],
    ids=["bytes", "struct", "tensor", "nested lists"],
)
def test_parquet_is_read_in_every_layout(ray_session, tmp_path, column):
    for name, part in [("b", slice(0, 4)), ("a", slice(4, 6))]:
        table = pa.table({"image": column[part], "label": np.arange(6)[part]})
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=3)
    images = open_images(str(tmp_path))
    assert images.paths == ["a.parquet#0", "a.parquet#1", *(f"b.parquet#{i}" for i in range(4))]
    assert images.labels.tolist() == [4, 5, 0, 1, 2, 3]
    np.testing.assert_array_equal(load_images(images).pixels, COLOR[[4, 5, 0, 1, 2, 3]].transpose(0, 3, 1, 2))


def test_a_bad_row_in_parquet_is_rejected_and_the_others_keep_their_ids(ray_session, tmp_path):
    pq.write_table(pa.table({"image": [ENCODED[0], None, b"text", ENCODED[3]]}), tmp_path / "a.parquet")
    images = open_images(f"{tmp_path}/a.parquet")
    assert [path for path, _ in images.rejected] == ["a.parquet#1", "a.parquet#2"]
    assert (images.paths, images.ids.tolist()) == (["a.parquet#0", "a.parquet#3"], [0, 3])
    np.testing.assert_array_equal(load_images(images).pixels, COLOR[[0, 3]].transpose(0, 3, 1, 2))


def test_a_damaged_parquet_file_is_one_rejected_input_and_the_others_are_read(ray_session, tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"image": [ENCODED[0], b"text", ENCODED[1]]}), tmp_path / "b.parquet")
    images = open_images(str(tmp_path))
    assert [path for path, _ in images.rejected] == ["a.parquet", "b.parquet#1"]
    assert (images.paths, images.ids.tolist()) == (["b.parquet#0", "b.parquet#2"], [1, 3])
    np.testing.assert_array_equal(load_images(images).pixels, COLOR[:2].transpose(0, 3, 1, 2))


def test_npz_is_scaled_and_resized_without_ray(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.array([[[0.0, 0.5], [1.0, 1.0]]]), labels=["cat"])
    images = open_images(str(tmp_path / "a.npz"))
    assert (images.labels.tolist(), images.class_names) == ([0], ["cat"])
    np.testing.assert_array_equal(load_images(images).pixels, [[[[0, 128], [255, 255]]]])
    larger = load_images(open_images(str(tmp_path / "a.npz"), canvas=CanvasSettings(3, "rgb")))
    assert larger.pixels.shape == (1, 3, 3, 3)


def test_idx_files_are_joined_with_their_labels(tmp_path):
    pixels = noise(5, 4, 3)
    for name, part, pack in [("train", slice(0, 3), gzip.compress), ("t10k", slice(3, 5), bytes)]:
        suffix = ".gz" if pack is gzip.compress else ""
        image_bytes = struct.pack(">HBB3I", 0, 8, 3, *pixels[part].shape) + pixels[part].tobytes()
        label_bytes = struct.pack(">HBBI", 0, 8, 1, len(pixels[part])) + bytes(range(5))[part]
        (tmp_path / f"{name}-images-idx3-ubyte{suffix}").write_bytes(pack(image_bytes))
        (tmp_path / f"{name}-labels-idx1-ubyte{suffix}").write_bytes(pack(label_bytes))
    images = open_images(str(tmp_path))
    assert images.labels.tolist() == [3, 4, 0, 1, 2]
    np.testing.assert_array_equal(load_images(images).pixels[:, 0], pixels[[3, 4, 0, 1, 2]])
    assert open_images(f"{tmp_path}/train-*").labels.tolist() == [0, 1, 2]


def test_digits_are_built_in():
    images = open_images("digits")
    assert (images.n, images.shape, images.paths[-1]) == (1797, (1, 8, 8), "digits#1796")
    assert (np.bincount(images.labels).sum(), images.rejected, images.notes) == (1797, [], [])
    assert load_images(images).pixels.max() == 255


def test_tasks_read_from_other_file_systems(ray_session, tmp_path, monkeypatch):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(ENCODED[i])
    elsewhere = fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem())
    monkeypatch.setattr(find_files, "open_filesystem", lambda source: (elsewhere, tmp_path.name))
    np.testing.assert_array_equal(load_images(open_images("s3://bucket")).pixels, COLOR[:3].transpose(0, 3, 1, 2))


def test_a_source_without_readable_images_is_an_error_that_says_why(ray_session, tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(UserError, match=r"None of the 1 inputs in .*: 1 x the file is empty \(a.png\)"):
        open_images(str(tmp_path))
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(UserError, match="not a complete NPZ file"):
        open_images(str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    "settings", [{"image_size": 0}, {"image_size": (8, -1)}, {"image_size": "big"}, {"color": "red"}]
)
def test_invalid_settings_are_clear_errors(settings):
    with pytest.raises(UserError, match=r"is not a size|is not supported"):
        open_images("digits", canvas=CanvasSettings(**settings))


def test_images_in_arrays_have_no_class_by_folder():
    assert open_images("digits", Reading("folders")).labels is None


def test_the_fingerprint_changes_with_files_and_preparation_only(ray_session, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(ENCODED[0])
    first = open_images(str(tmp_path)).fingerprint
    assert open_images(str(tmp_path), Reading("folders")).fingerprint == first
    assert open_images(str(tmp_path), canvas=CanvasSettings(color="gray")).fingerprint != first
    assert open_images(str(tmp_path), canvas=CanvasSettings(9)).fingerprint != first
    (tmp_path / "b.png").rename(tmp_path / "c.png")
    assert open_images(str(tmp_path)).fingerprint != first


def test_take_reads_the_requested_images(ray_session, tmp_path):
    pixels = noise(5, 8, 9)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    np.savez(tmp_path.parent / "five.npz", images=pixels)
    for source in (tmp_path, tmp_path.parent / "five.npz"):
        rows, images = open_images(str(source)).take(np.array([1, 4]))
        assert rows.tolist() == [1, 4]
        np.testing.assert_array_equal(images, pixels[[1, 4], None])


def test_a_canvas_without_a_range_gets_the_one_of_the_images(tmp_path):
    for name, value in (("a", 0), ("b", 4095)):
        Image.fromarray(np.full((8, 8), value, np.uint16)).save(tmp_path / f"{name}.png")
    found = open_images(str(tmp_path), canvas=Canvas(1, 8, 8))
    assert found.canvas.value_range == (0, 4095)
    assert found.notes == ["Some images have more than 8 bits: 0 becomes black, and 4095 white."]
    given = open_images(str(tmp_path), canvas=Canvas(1, 8, 8, value_range=(0, 255)))
    assert (given.canvas.value_range, given.notes) == ((0, 255), [])
