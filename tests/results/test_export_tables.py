import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from raycluster.data.images import open_images
from raycluster.data.thumbnails import encode_picture
from raycluster.results.export_tables import pictures_of
from raycluster.results.finished_run import RunVectors, read_vectors
from raycluster.results.originals import config_of_images
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir


def shade_of(image):
    """Return the gray value of the first pixel of an exported picture, or None if there is none."""
    return image["bytes"] and Image.open(io.BytesIO(image["bytes"])).getpixel((0, 0))


def test_a_clustering_gets_its_images_as_they_were_read_for_the_embeddings(tmp_path):
    pages = [Image.new("L", (8, 8), value) for value in (10, 20)]
    for name in ("photos", "embedded", "clustered"):
        (tmp_path / name).mkdir()
    pages[0].save(tmp_path / "photos" / "a.tif", save_all=True, append_images=pages[1:])
    embedded, clustered = RunDir(tmp_path / "embedded"), RunDir(tmp_path / "clustered")
    embedded.write_config({"identity": {"method": "embed", "data": str(tmp_path / "photos"), "frames": "all"}})
    vectors = np.eye(2, 4, dtype=np.float32)
    embedded.write_embeddings(0, 1, np.arange(2), ["a.tif#0", "a.tif#1"], vectors)
    (embedded.path / "summary.json").write_text("{}")
    clustered.write_config({"identity": {"method": "gdl", "embeddings": str(embedded.path / "embeddings")}})
    config = config_of_images(clustered.config(), str(embedded.path / "embeddings"))
    found = read_vectors(clustered.path, str(embedded.path / "embeddings"))
    pictures = pictures_of(config, None, found, tmp_path.parent, Console(quiet=True))
    assert [shade_of(one) for one in pictures.to_pylist()] == [10, 20]


def test_images_of_the_same_name_are_told_apart_by_id_or_left_out(tmp_path, capsys):
    for name, value in (("a", 10), ("b", 20)):
        images = [encode_picture(np.full((4, 4), value + i, np.uint8)) for i in range(2)]
        pq.write_table(pa.table({"image": images, "key": ["0", name]}), tmp_path / f"{name}.parquet")
    images = open_images(str(tmp_path))
    found = RunVectors(images.ids, images.paths, np.eye(4, dtype=np.float32))
    config = {"identity": {"data": str(tmp_path)}, "files": images.files}
    by_id = pictures_of(config, None, found, tmp_path.parent, Console(quiet=True)).to_pylist()
    assert [shade_of(one) for one in by_id] == [10, 11, 20, 21]
    by_path = pictures_of({}, str(tmp_path), found, tmp_path.parent, Console(quiet=True)).to_pylist()
    assert [shade_of(one) for one in by_path] == [None, 11, None, 21]
    assert "2 of 4 rows have no picture" in capsys.readouterr().err


def test_images_behind_an_address_with_secrets_leave_paths_and_a_sentence(jule_run, tmp_path):
    told = io.StringIO()
    found = read_vectors(jule_run)
    config = {"identity": {"data": "s3://***@bucket/a"}}
    assert pictures_of(config, None, found, tmp_path / "t.parquet", Console(stream=told)) is None
    assert "only the paths of the images: The credentials in s3://***@bucket/a were not stored" in told.getvalue()
