import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.thumbnails import encode_picture
from raycluster.embedding.embed import EmbedOptions, embed_source
from raycluster.errors import UserError
from raycluster.results.export import ExportOptions, _config_of_images, export_tables, pictures_of
from raycluster.results.finished_run import RunVectors, read_vectors
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir


def export(run, form, out, **settings):
    return export_tables(ExportOptions(run=str(run), format=form, out=str(out), **settings), Console(quiet=True))


def shade_of(image):
    """Return the gray value of the first pixel of an exported picture, or None if there is none."""
    return image["bytes"] and Image.open(io.BytesIO(image["bytes"])).getpixel((0, 0))


@pytest.fixture(scope="module")
def atlas(jule_run, tmp_path_factory):
    return pq.read_table(export(jule_run, "atlas", tmp_path_factory.mktemp("atlas") / "digits.parquet"))


def test_the_atlas_has_images_places_and_one_column_for_each_number_of_clusters(atlas, jule_run, digit_files):
    levels = [f"cluster_{k}" for k in (2, 5, 10, 20, 50, 100, 200)]  # 500 are more than the images
    known = ["id", "path", "cluster", "confidence", "label"]
    assert atlas.column_names == [*known, "image", "projection_x", "projection_y", "neighbors", *levels]
    assert atlas["cluster_10"].equals(pq.read_table(jule_run / "assignments.parquet")["cluster"])
    assert len(set(atlas["cluster_50"].to_pylist())) == 50
    image = atlas["image"][7].as_py()
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(image["bytes"]))),
        load_images(open_images(str(digit_files / "seen.npz"))).pixels[7, 0],
    )
    assert image["path"] == atlas["path"][7].as_py() == "seen.npz#7"


def test_neighbours_are_rows_of_the_table_the_row_itself_first_with_plain_distances(atlas, jule_run):
    vectors = np.stack(pq.read_table(jule_run / "embeddings")["embedding"].to_pylist())
    row = atlas["neighbors"][3].as_py()
    assert row["ids"][0] == 3
    assert len(row["ids"]) == len(row["distances"]) == 16
    expected = np.linalg.norm(vectors - vectors[3], axis=1)
    np.testing.assert_allclose(row["distances"], np.sort(expected)[:16], atol=1e-5)
    np.testing.assert_allclose(row["distances"], expected[row["ids"]], atol=1e-5)


def test_near_images_lie_near_each_other_in_the_picture(atlas):
    places = np.column_stack([atlas["projection_x"].to_numpy(), atlas["projection_y"].to_numpy()])
    neighbors = np.array([row["ids"][1] for row in atlas["neighbors"].to_pylist()])
    near = np.linalg.norm(places - places[neighbors], axis=1)
    any_two = np.linalg.norm(places - places[np.random.default_rng(0).permutation(len(places))], axis=1)
    assert np.median(near) < 0.1 * np.median(any_two)


@pytest.mark.slow
def test_without_the_images_their_paths_stay(jule_run, tmp_path):
    table = pq.read_table(export(jule_run, "atlas", tmp_path / "t.parquet", images=False))
    assert "image" not in table.column_names
    assert table["path"][0].as_py() == "seen.npz#0"


@pytest.mark.slow
def test_images_that_are_gone_or_changed_leave_paths_and_a_sentence(jule_run, tmp_path):
    told = io.StringIO()
    options = ExportOptions(
        run=str(jule_run), format="atlas", out=str(tmp_path / "t.parquet"), data=str(tmp_path / "x")
    )
    table = pq.read_table(export_tables(options, Console(stream=told)))
    assert "image" not in table.column_names
    assert (
        f"The table holds only the paths of the images: There is no file or folder {tmp_path / 'x'}.\n"
        in told.getvalue()
    )


def test_numpy_arrays_open_without_pickle_and_row_beside_row(jule_run, tmp_path):
    folder = export(jule_run, "numpy", tmp_path / "arrays")
    arrays = {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("*.npy")}
    assert {name: (values.dtype.name, values.shape) for name, values in arrays.items()} == {
        "embeddings": ("float32", (400, 160)),
        "ids": ("int64", (400,)),
        "clusters": ("int32", (400,)),
        "confidence": ("float32", (400,)),
        "labels": ("int64", (400,)),
    }
    given = pq.read_table(jule_run / "assignments.parquet")
    assert arrays["clusters"].tolist() == given["cluster"].to_pylist()
    assert json.loads((folder / "paths.json").read_text())["paths"] == given["path"].to_pylist()


def test_clip_retrieval_finds_embeddings_and_metadata_under_its_names(jule_run, tmp_path):
    folder = export(jule_run, "clip-retrieval", tmp_path / "clip")
    vectors = np.load(folder / "img_emb" / "img_emb_0.npy", allow_pickle=False)
    metadata = pq.read_table(folder / "metadata" / "metadata_0.parquet")
    assert (vectors.dtype, vectors.shape) == (np.float32, (400, 160))
    assert metadata.column_names == ["image_path", "id", "cluster", "confidence", "label"]
    assert metadata["image_path"][399].as_py() == "seen.npz#399"


def test_a_folder_of_embeddings_that_nobody_has_clustered_is_exported_too(jule_run, tmp_path):
    (tmp_path / "embedded").mkdir()
    (tmp_path / "embedded" / "embeddings").symlink_to(jule_run / "embeddings")
    folder = export(tmp_path / "embedded", "numpy", tmp_path / "arrays")
    assert {path.name for path in folder.iterdir()} == {
        "embeddings.npy",
        "ids.npy",
        "paths.json",
        "raycluster.json",
    }


def test_an_export_of_embeddings_gets_its_images_by_their_paths(jule_run, digit_files, tmp_path, embed_here):
    data, out = str(digit_files / "new.npz"), tmp_path / "out"
    embed_source(EmbedOptions(model=str(jule_run), data=data, out=str(out)))
    table = pq.read_table(export(out, "atlas", tmp_path / "t.parquet"))
    pictures = [np.asarray(Image.open(io.BytesIO(row["bytes"]))) for row in table["image"].to_pylist()]
    np.testing.assert_array_equal(pictures, np.load(data)["images"])


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
    config = _config_of_images(clustered.config(), str(embedded.path / "embeddings"))
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


def test_a_table_is_not_written_among_the_images(jule_run, digit_files):
    with pytest.raises(UserError, match=r"t.parquet is inside --data"):
        export(jule_run, "atlas", digit_files / "t.parquet", data=str(digit_files))
    assert not (digit_files / "t.parquet").exists()


def test_embeddings_that_have_grown_are_not_taken_for_the_table_that_is_there(tmp_path):
    (tmp_path / "embedded" / "embeddings").mkdir(parents=True)
    for part in range(2):
        np.save(tmp_path / "embedded" / "embeddings" / f"part-{part}.npy", np.eye(3, dtype=np.float32))
        if part == 0:
            export(tmp_path / "embedded", "numpy", tmp_path / "arrays")
    with pytest.raises(UserError, match="which differs in the results: choose another --out"):
        export(tmp_path / "embedded", "numpy", tmp_path / "arrays")
    assert len(np.load(export(tmp_path / "embedded", "numpy", tmp_path / "arrays2") / "ids.npy")) == 6


def test_embeddings_of_other_images_are_refused(jule_run, tmp_path):
    np.save(tmp_path / "others.npy", np.zeros((3, 2), np.float32))
    with pytest.raises(UserError, match=r"3 embeddings in .* do not match the 400 rows"):
        export(jule_run, "numpy", tmp_path / "arrays", embeddings=str(tmp_path / "others.npy"))
    assert not (tmp_path / "arrays").exists()


@pytest.mark.slow
def test_the_same_command_again_writes_nothing_and_another_is_refused(jule_run, tmp_path, capsys):
    for form, out in (("numpy", tmp_path / "arrays"), ("atlas", tmp_path / "atlas.parquet")):
        export(jule_run, form, out, images=False)
        written = out.stat().st_mtime_ns
        export_tables(ExportOptions(run=str(jule_run), format=form, out=str(out), images=False))
        assert out.stat().st_mtime_ns == written
        assert "already holds this table, of 400 rows" in capsys.readouterr().out
        with pytest.raises(UserError, match="which differs in --images: choose another --out"):
            export(jule_run, form, out)
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="already exists and is not one of raycluster's tables"):
        export(jule_run, "numpy", tmp_path / "mine")
    with pytest.raises(UserError, match="There is no folder"):
        export(tmp_path / "nowhere", "numpy", tmp_path / "arrays2")
    with pytest.raises(UserError, match="holds no embeddings: name them with --embeddings"):
        export(tmp_path / "mine", "numpy", tmp_path / "arrays2")


def test_images_behind_an_address_with_secrets_leave_paths_and_a_sentence(jule_run, tmp_path):
    told = io.StringIO()
    found = read_vectors(jule_run)
    config = {"identity": {"data": "s3://***@bucket/a"}}
    assert pictures_of(config, None, found, tmp_path / "t.parquet", Console(stream=told)) is None
    assert "only the paths of the images: The credentials in s3://***@bucket/a were not stored" in told.getvalue()
