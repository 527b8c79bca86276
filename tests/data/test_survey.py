import numpy as np
from PIL import Image

from raycluster.data import survey
from raycluster.data.row_index import index_rows
from raycluster.data.sources import list_images
from raycluster.data.survey import survey_images


def test_every_image_has_its_size_or_the_reason_why_it_is_unreadable(ray_session, tmp_path):
    Image.new("L", (4, 5)).save(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    Image.new("RGB", (6, 7)).save(tmp_path / "c.png")
    sizes, reasons = survey_images(index_rows(list_images(str(tmp_path))))
    assert sizes.tolist() == [[5, 4, 1], [0, 0, 0], [7, 6, 3]]
    assert reasons == {1: "the file is empty"}


def test_arrays_are_measured_without_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "map_ranges", None)
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 4, 5), np.uint8))
    (tmp_path / "b.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "c.npz", images=np.zeros((1, 6, 7, 3), np.uint8))
    sizes, reasons = survey_images(index_rows(list_images(str(tmp_path))))
    assert sizes.tolist() == [[4, 5, 1], [4, 5, 1], [0, 0, 0], [6, 7, 3]]
    assert list(reasons) == [2]
