import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data.images import open_images
from raycluster.data.thumbnails import encode_picture
from raycluster.errors import UserError
from raycluster.results.originals import find_originals, open_source


@pytest.fixture
def photos(tmp_path):
    for name in ("a", "b", "c"):
        Image.new("L", (4, 4)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_images_are_found_where_they_are_now(photos):
    images = open_images(str(photos))
    config = {"identity": {"data": str(photos)}, "files": images.files}
    source = open_source(config, None)
    assert source.has_changed is False
    assert find_originals(source, images.ids, images.paths).row.tolist() == [0, 1, 2]
    Image.new("L", (4, 4)).save(photos / "0.png")
    (photos / "b.png").unlink()
    source = open_source(config, None)
    assert source.has_changed is True
    found = find_originals(source, images.ids, images.paths)
    assert found.row.tolist() == [1, -1, 2]
    assert found.reasons == {1: "there is no image of this path"}
    assert found.found.tolist() == [0, 2]
    assert open_source({"identity": {"data": str(photos)}}, None).has_changed is None


def test_a_path_of_several_images_says_nothing_unless_ids_are_known(tmp_path):
    images = [encode_picture(np.full((4, 4), value, np.uint8)) for value in range(2)]
    pq.write_table(pa.table({"image": images, "key": ["x", "x"]}), tmp_path / "a.parquet")
    config = {"identity": {"data": str(tmp_path)}, "files": open_images(str(tmp_path)).files}
    ids, paths = np.arange(2), ["x", "x"]
    assert find_originals(open_source(config, None), ids, paths).row.tolist() == [0, 1]
    found = find_originals(open_source({}, str(tmp_path)), ids, paths)
    assert found.reasons == dict.fromkeys(range(2), "several images have this path")


def test_ids_that_are_text_are_found_by_path(photos):
    found = find_originals(open_source({}, str(photos)), np.array(["x", "y"], object), ["b.png", "d.png"])
    assert found.row.tolist() == [1, -1]


def test_an_image_that_is_left_out_now_has_that_as_its_reason(photos):
    config = {"identity": {"data": str(photos), "exclude": ["c.*"]}}
    found = find_originals(open_source(config, None), np.arange(1), ["c.png"])
    assert found.row.tolist() == [-1]
    assert found.reasons == {0: "excluded by c.*"}


def test_a_source_that_nobody_knows_has_to_be_named():
    with pytest.raises(UserError, match="source of the images is not known: name it with --data"):
        open_source({"identity": {"method": "gdl"}}, None)
    with pytest.raises(UserError, match=r"credentials in s3://\*\*\*@bucket/a were not stored"):
        open_source({"identity": {"data": "s3://***@bucket/a"}}, None)
