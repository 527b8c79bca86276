import numpy as np

from raycluster.report.picture_file import PictureFile


def test_pictures_come_back_by_row_in_any_order_and_nothing_is_left_behind(tmp_path):
    with PictureFile(5, tmp_path) as pictures:
        pictures.put(np.array([3, 0]), [b"three", None])
        pictures.put(np.array([1]), [b"one"])
        assert pictures.get(np.array([1, 0, 3, 4])) == [b"one", None, b"three", None]
        pictures.put(np.array([4]), [b"four"])
        assert pictures.get(np.array([4, 3])) == [b"four", b"three"]
    assert list(tmp_path.iterdir()) == []
