import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data import rows, survey
from raycluster.data.files.sources import list_images
from raycluster.data.row_index import index_rows
from raycluster.data.survey import find_value_range, sample_value_range, survey_headers


def rows_of(folder):
    return index_rows(list_images(str(folder))).rows


def test_every_image_has_its_header_or_the_reason_why_it_is_unreadable(ray_session, tmp_path):
    Image.new("L", (4, 5)).save(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    Image.new("RGB", (6, 7)).save(tmp_path / "c.png")
    Image.fromarray(np.full((3, 2), 4000, np.uint16)).save(tmp_path / "d.png")
    pages = [Image.new("L", (9, 8), value) for value in (0, 1, 2)]
    pages[0].save(tmp_path / "e.tif", save_all=True, append_images=pages[1:])
    headers, reasons = survey_headers(index_rows(list_images(str(tmp_path))))
    assert headers.sizes.tolist() == [[5, 4, 1], [0, 0, 0], [7, 6, 3], [3, 2, 1], [8, 9, 1]]
    assert headers.depths.tolist() == [8, 8, 8, 16, 8]
    assert headers.frames.tolist() == [1, 1, 1, 1, 3]
    assert reasons == {1: "the file is empty"}


def test_a_survey_does_not_decode(tmp_path):
    Image.new("RGB", (600, 400)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:700])
    headers, reasons = survey_headers(index_rows(list_images(str(tmp_path))))
    assert (headers.sizes.tolist(), reasons) == ([[400, 600, 3]], {})


def test_of_many_images_it_is_told_how_many_have_been_looked_at(ray_session, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MIN_RANGE_ROWS", 1)
    for name in "abcde":
        Image.new("L", (4, 5)).save(tmp_path / f"{name}.png")
    told = []
    survey_headers(index_rows(list_images(str(tmp_path))), told.append)
    assert told == [1, 2, 3, 4]


def test_arrays_are_measured_without_reading_their_images(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "_headers_of_range", None)
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 4, 5), np.uint8))
    (tmp_path / "b.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "c.npz", images=np.zeros((1, 6, 7, 3), np.uint8))
    headers, reasons = survey_headers(index_rows(list_images(str(tmp_path))))
    assert headers.sizes.tolist() == [[4, 5, 1], [4, 5, 1], [0, 0, 0], [6, 7, 3]]
    assert reasons == {}  # the damaged file is rejected by the index


def test_the_range_is_that_of_all_deep_images(tmp_path):
    Image.new("L", (2, 2), 255).save(tmp_path / "a.png")
    for name, value in (("b", 7), ("c", 3000)):
        Image.fromarray(np.full((2, 2), value, np.uint16)).save(tmp_path / f"{name}.png")
    (tmp_path / "d.png").write_bytes((tmp_path / "c.png").read_bytes()[:60])  # damaged
    rows = rows_of(tmp_path)
    assert find_value_range(rows.select(np.array([1]))) == (7, 8)
    assert find_value_range(rows.select(np.array([1, 2, 3]))) == (0, 4095)
    assert sample_value_range(rows) == (0, 4095)
    assert sample_value_range(rows.select(np.array([0]))) is None


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_arrays_of_more_than_8_bits_have_a_range_too(kind, tmp_path):
    images = np.array([[[0, 9]], [[8, 4000]]], np.uint16)
    if kind == "npz":
        np.savez(tmp_path / "a.npz", images=images)
    else:
        pq.write_table(pa.table({"image": images.tolist()}), tmp_path / "a.parquet")
    index = index_rows(list_images(str(tmp_path)))
    headers, reasons = survey_headers(index)
    assert (headers.sizes.tolist(), reasons) == ([[1, 2, 1]] * 2, {})
    assert (headers.depths > 8).all()
    assert find_value_range(index.rows) == sample_value_range(index.rows) == (0, 4095)


@pytest.mark.parametrize("n", [1, 3, 2500])
def test_large_sets_are_sampled_evenly(n, tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((n, 1, 1), np.uint8))
    sample = survey._evenly_spaced(rows_of(tmp_path)).position
    assert len(sample) == min(n, survey.MOST_SAMPLED)
    assert (sample[0], sample[-1]) == (0, n - 1)
    assert n == 1 or np.ptp(np.diff(sample)) <= 1
