import io
import json
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.embedding.embed import EmbedOptions, embed_source
from raycluster.errors import UserError
from raycluster.metrics.confidence import confidence_of
from raycluster.options import ExportOptions
from raycluster.results.export import export_run
from raycluster.runtime.console import Console


def export(run, form, out, **settings):
    return export_run(ExportOptions(run=str(run), format=form, out=str(out), **settings), Console(quiet=True))


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
    table = pq.read_table(export_run(options, Console(stream=told)))
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
    out = tmp_path / "atlas.parquet"
    export(jule_run, "atlas", out, images=False)
    written = out.stat().st_mtime_ns
    export_run(ExportOptions(run=str(jule_run), format="atlas", out=str(out), images=False))
    assert out.stat().st_mtime_ns == written
    assert "already holds this table, of 400 rows" in capsys.readouterr().out
    with pytest.raises(UserError, match="which differs in --images: choose another --out"):
        export(jule_run, "atlas", out)
    out = export(jule_run, "numpy", tmp_path / "arrays")
    written = out.stat().st_mtime_ns
    assert export(jule_run, "numpy", out).stat().st_mtime_ns == written
    with pytest.raises(UserError, match="which differs in --clusters: choose another --out"):
        export(jule_run, "numpy", out, clusters=5)
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="already exists and is not one of raycluster's tables"):
        export(jule_run, "numpy", tmp_path / "mine")
    with pytest.raises(UserError, match="There is no folder"):
        export(tmp_path / "nowhere", "numpy", tmp_path / "arrays2")
    with pytest.raises(UserError, match="holds no embeddings: name them with --embeddings"):
        export(tmp_path / "mine", "numpy", tmp_path / "arrays2")


def save_names(run, path, clusters, names, wrong=()):
    images = [{"id": number, "path": f"seen.npz#{number}"} for number in wrong]
    saved = {"format": "raycluster names 1", "run": run.name, "clusters": clusters, "names": names, "wrong": images}
    path.write_text(json.dumps(saved))
    return str(path)


def test_a_csv_file_has_a_row_for_every_image_with_its_name(jule_run, tmp_path):
    names = save_names(jule_run, tmp_path / "names.json", 10, {"3": 'a "cat",\nor so'}, wrong=[7])
    rows = pd.read_csv(export(jule_run, "csv", tmp_path / "t.csv", names=names))
    assert list(rows.columns) == ["id", "path", "cluster", "name", "confidence", "label", "wrong"]
    given = pq.read_table(jule_run / "assignments.parquet").to_pandas()
    assert rows["cluster"].tolist() == given["cluster"].tolist()
    assert rows["label"].tolist() == given["label"].tolist()
    assert set(rows["name"][given["cluster"] == 3]) == {'a "cat",\nor so'}
    assert set(rows["name"][given["cluster"] == 4]) == {"cluster 4"}
    assert np.flatnonzero(rows["wrong"]).tolist() == [7]
    with pytest.raises(UserError, match="already exists: choose another --out"):
        export(jule_run, "csv", tmp_path / "t.csv")


def test_names_go_into_the_tables_with_embeddings(jule_run, tmp_path):
    names = save_names(jule_run, tmp_path / "names.json", 30, {"3": "cats"}, wrong=[7])
    arrays = export(jule_run, "numpy", tmp_path / "arrays", names=names)
    clusters = np.load(arrays / "clusters.npy")
    assert len(np.unique(clusters)) == 30
    confidence = np.load(arrays / "confidence.npy")
    np.testing.assert_allclose(confidence, confidence_of(np.load(arrays / "embeddings.npy"), clusters), atol=1e-6)
    assert np.flatnonzero(np.load(arrays / "wrong.npy")).tolist() == [7]
    assert json.loads((arrays / "names.json").read_text())["names"]["3"] == "cats"
    metadata = pq.read_table(
        export(jule_run, "clip-retrieval", tmp_path / "clip", names=names) / "metadata" / "metadata_0.parquet"
    )
    assert [name == "cats" for name in metadata["name"].to_pylist()] == (clusters == 3).tolist()


def test_the_confidence_of_another_cut_is_measured_or_left_out_with_a_sentence(jule_run, tmp_path, capsys):
    table = pd.read_csv(export(jule_run, "csv", tmp_path / "t.csv", clusters=5))
    assert table.groupby("cluster")["confidence"].mean().between(0.2, 1).all()
    shutil.copytree(jule_run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "embeddings")
    out = tmp_path / "u.csv"
    export_run(ExportOptions(run=str(tmp_path / "run"), format="csv", out=str(out), clusters=5))
    assert "The confidence of these clusters is left out: " in capsys.readouterr().out
    assert pd.read_csv(out)["cluster"].tolist() == table["cluster"].tolist()
    assert "confidence" not in pd.read_csv(out).columns


def test_options_of_another_format_are_refused(tmp_path):
    needed = {"run": "r", "out": "o"}
    for wrong, sentence in (
        ({"format": "csv", "execute": True}, "--execute is for --format folders: leave it out"),
        ({"format": "coco", "images": False}, "--no-images is for --format atlas"),
        ({"format": "coco", "embeddings": "e"}, "--embeddings is for --format atlas, numpy, clip-retrieval"),
        ({"format": "csv", "data": "d"}, "--data is for --format folders, coco, imagefolder, fiftyone, atlas"),
        ({"format": "csv", "clusters": 0}, "--clusters 0: choose at least 1"),
        ({"format": "yolo"}, "--format yolo: choose folders, csv, coco, .* or clip-retrieval"),
        ({"format": "folders", "transfer": "move"}, "--transfer move: choose copy, hardlink, symlink or script"),
    ):
        with pytest.raises(UserError, match=sentence):
            ExportOptions(**needed, **wrong)
