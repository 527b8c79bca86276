import numpy as np
from PIL import Image

from raycluster.data import survey
from raycluster.data.files.sources import list_images
from raycluster.data.frames import every_frame
from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.reading import Reading
from raycluster.data.row_index import index_rows


def test_every_page_is_a_row_of_its_own_and_the_others_stay(tmp_path):
    Image.new("L", (4, 4), 10).save(tmp_path / "a.png")
    (tmp_path / "b.txt").touch()
    pages = [Image.new("L", (4, 4), value) for value in (20, 30, 40)]
    pages[0].save(tmp_path / "c.tif", save_all=True, append_images=pages[1:])
    np.savez(tmp_path / "d.npz", images=np.full((2, 4, 4), 50, np.uint8))
    (tmp_path / "e.png").write_bytes(b"nonsense")
    index = every_frame(index_rows(list_images(str(tmp_path))))
    paths = ["a.png", "b.txt", "c.tif#0", "c.tif#1", "c.tif#2", "d.npz#0", "d.npz#1", "e.png"]
    assert index.paths.to_pylist() == paths
    assert list(index.reasons) == [1]
    assert len(index.sizes) == len(index.rows) == 8
    images = load_images(open_images(str(tmp_path), Reading(frames="all")))
    assert images.ids.tolist() == [0, 2, 3, 4, 5, 6]
    assert images.pixels[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50, 50]
    first = open_images(str(tmp_path))
    assert first.ids.tolist() == [0, 2, 3, 4]
    assert any("1 of 4 images have several frames or pages" in note for note in first.notes)


def test_headers_that_were_read_to_count_frames_are_not_read_again(tmp_path, monkeypatch):
    Image.new("RGB", (6, 4), 10).save(tmp_path / "a.png")
    pages = [Image.fromarray(np.full((4, 6), value, np.uint16)) for value in (0, 4095)]
    pages[0].save(tmp_path / "b.tif", save_all=True, append_images=pages[1:])
    (tmp_path / "c.png").write_bytes(b"nonsense")
    surveyed, read_headers = [], survey.read_headers

    def counted(rows, **options):
        surveyed.extend(rows.image_name(i) for i in range(len(rows)))
        return read_headers(rows, **options)

    monkeypatch.setattr(survey, "read_headers", counted)
    images = open_images(str(tmp_path), Reading(frames="all"))
    assert surveyed == ["c.png"]  # what is damaged, again for the reason
    assert (images.shape, images.canvas.value_range, images.ids.tolist()) == ((3, 4, 6), (0, 4095), [0, 1, 2])
