import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data.images import open_images
from raycluster.data.thumbnails import encode_picture
from raycluster.errors import UserError
from raycluster.results.run_images import NoImages, reading_images
from raycluster.runtime.console import Console

QUIET = Console(quiet=True)


def shades(pictures):
    return [None if one is None else int(np.asarray(Image.open(io.BytesIO(one))).flat[0]) for one in pictures]


@pytest.fixture
def tables(tmp_path):
    """Two tables of two images each, of which one has the same key in both."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for name, value in (("a", 10), ("b", 20)):
        images = [encode_picture(np.full((4, 4), value + i, np.uint8)) for i in range(2)]
        pq.write_table(pa.table({"image": images, "key": ["0", name]}), folder / f"{name}.parquet")
    return folder


def test_images_are_found_by_id_while_the_source_is_the_same_and_else_by_a_path_of_their_own(tables, tmp_path):
    images = open_images(str(tables))
    config = {"identity": {"data": str(tables)}, "files": images.files}
    with reading_images(config, None, images.ids, images.paths, QUIET, tmp_path / "out") as read:
        assert shades(read(np.array([1, 3]), 160)) == [11, 21]
    with reading_images({}, str(tables), images.ids[::-1], images.paths[::-1], QUIET, tmp_path / "out") as read:
        assert shades(read(np.arange(4), 160)) == [21, None, 11, None]


def test_changed_or_missing_images_are_not_shown(tables, tmp_path):
    images = open_images(str(tables))
    config = {"identity": {"data": str(tables)}, "files": images.files}
    (tables / "b.parquet").unlink()
    for given, reason in (
        (config, "have changed since the run"),
        ({"identity": {"data": str(tmp_path / "x")}}, "There is no file or folder"),
        ({"identity": {}}, "name it with --data"),
    ):
        with pytest.raises(NoImages, match=reason), reading_images(given, None, images.ids, [], QUIET, tmp_path):
            pass


def test_results_do_not_go_among_the_images(tables):
    with pytest.raises(UserError, match="inside"), reading_images({}, str(tables), [], [], QUIET, tables / "out"):
        pass
