"""Real pictures, real weights: crops of photographs, digits and characters, in folders."""

import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

import raycluster
from raycluster.clustering import cluster_images as module
from raycluster.errors import UserError
from raycluster.methods.saved_network import load_network
from raycluster.nn.backbone.network import Backbone

BACKBONE = "tf_efficientnet_lite0.in1k"


def crops(folder, picture, numbers):
    """Write parts of a picture, of many sizes, as files with these numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        rng = np.random.default_rng(number)
        height, width = rng.integers(120, 300, 2)
        top, left = rng.integers(0, picture.shape[0] - height), rng.integers(0, picture.shape[1] - width)
        suffix = ("jpg", "png")[number % 2]
        Image.fromarray(picture[top : top + height, left : left + width]).save(folder / f"{number:02d}.{suffix}")


def digits(folder, numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.fromarray((load_digits().images[number] * 15).astype(np.uint8)).save(folder / f"{number:02d}.png")


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Twelve parts each of a palace and of a flower, and twelve digits; one file that is no image."""
    folder = tmp_path_factory.mktemp("photos")
    palace, flower = load_sample_images().images
    crops(folder / "palace", palace, range(12))
    crops(folder / "flower", flower, range(12))
    digits(folder / "digit", range(12))
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def cluster(embed_here, lite0_weights):
    """Cluster images with small inputs, which is quick."""

    def run(data, out, **settings):
        given = {"backbone": BACKBONE, "weights": lite0_weights, "image_size": 128, "workers": 1, "labels": "folders"}
        return raycluster.cluster(data, out=out, **given | settings)

    return run


def clusters_of(out):
    table = pq.read_table(out / "assignments.parquet").to_pydict()
    return dict(zip(table["path"], table["cluster"], strict=True))


def test_a_folder_becomes_a_run_folder_as_training_leaves_it(photos, cluster, tmp_path, capsys):
    out = tmp_path / "run"
    summary = cluster(photos, out, clusters=3)
    assert (summary.method, summary.images, summary.rejected, summary.clusters) == ("pretrained", 36, 1, 3)
    assert summary.quality["gdl"]["acc"] == 1
    assert summary.kmeans_agreement > 0.9
    told = capsys.readouterr().out
    assert f"{BACKBONE} (timm, apache-2.0): images of 128 x 128 pixels, embeddings of 1,280 numbers" in told
    assert "Plain k-means, with as many clusters on the same features, agrees with these to ARI 0.9" in told
    assert told.splitlines()[-1] == f"All results are in {out}; open report.html to see the clusters."
    assert {path.name for path in out.iterdir()} == {
        *("assignments.parquet", "config.json", "embeddings", "files.parquet", "merges.parquet", "model"),
        *("rejected.parquet", "report.html", "summary.json"),
    }
    assert pq.read_table(out / "merges.parquet").num_rows == 35
    assert pq.read_table(out / "rejected.parquet")["path"].to_pylist() == ["notes.txt"]
    assert len(re.findall("(?:png|jpeg);base64,", (out / "report.html").read_text())) == 36
    net = load_network(out / "model")
    assert isinstance(net, Backbone)
    assert (net.canvas.fit, net.canvas.crop_share, net.canvas.interpolation) == ("crop", 0.875, "bicubic")
    lengths = np.linalg.norm(np.stack(pq.read_table(out / "embeddings")["embedding"].to_numpy()), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.name != "rejected.parquet"}
    assert cluster(photos, out, clusters=3) == summary
    assert "already holds this clustering, finished" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(UserError, match="--clusters was 3 and is now 4"):
        cluster(photos, out, clusters=4)


@pytest.mark.slow
def test_a_folder_that_has_grown_is_embedded_only_where_it_is_new_and_says_what_moved(
    photos, cluster, tmp_path, capsys
):
    folder, out = tmp_path / "photos", tmp_path / "run"
    for name in ("palace", "flower"):
        (folder / name).mkdir(parents=True)
        for file in sorted((photos / name).iterdir()):
            (folder / name / file.name).write_bytes(file.read_bytes())
    first = cluster(folder, out)
    assert (first.clusters, first.moved) == (2, {})
    before = clusters_of(out)
    parts = {part: part.stat().st_mtime_ns for part in (out / "embeddings").iterdir()}
    capsys.readouterr()

    digits(folder / "digit", range(20))
    (folder / "palace" / "00.jpg").unlink()
    grown = cluster(folder, out)
    assert "20 of them to embed" in capsys.readouterr().out
    assert all(part.stat().st_mtime_ns == written for part, written in list(parts.items())[1:])
    assert (grown.images, grown.clusters) == (43, 3)
    (number,) = set(range(3)) - set(before.values())
    assert grown.moved == {"images": 23, "changed": 0, "added": 20, "removed": 1, "new": [number], "gone": []}
    after = clusters_of(out)
    assert all(after[path] == cluster for path, cluster in before.items() if path != "palace/00.jpg")
    assert {after[path] for path in after if path.startswith("digit")} == {number}
    assert pq.read_table(out / "assignments-before.parquet").num_rows == 24
    assert cluster(folder, out) == grown
    assert f"new: cluster {number}. Clusters that go on keep" in capsys.readouterr().out


def killed_after(step):
    def killed(*given, **named):
        step(*given, **named)
        raise KeyboardInterrupt

    return killed


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["begin_again", "read_embeddings", "cluster_graph", "write_clustering", "write_clustering_page"]
)
def test_a_run_that_is_killed_while_it_grows_ends_as_one_that_is_not(moment, photos, cluster, tmp_path, monkeypatch):
    """Killed after each step, and continued by the same command: the same clusters, and the same report of moves."""
    folder = tmp_path / "photos"
    for name in ("palace", "flower", "digit"):
        (folder / name).mkdir(parents=True)
        for file in sorted((photos / name).iterdir())[:8]:
            (folder / name / file.name).write_bytes(file.read_bytes())
    for out in ("whole", "killed"):
        cluster(folder, tmp_path / out)
    crops(folder / "palace", load_sample_images().images[0], range(12, 15))
    (folder / "digit" / "00.png").unlink()
    whole = cluster(folder, tmp_path / "whole")

    with monkeypatch.context() as patch:
        patch.setattr(module, moment, killed_after(getattr(module, moment)))
        with pytest.raises(KeyboardInterrupt):
            cluster(folder, tmp_path / "killed")
    assert not (tmp_path / "killed" / "summary.json").exists()
    again = cluster(folder, tmp_path / "killed")
    assert (again.moved, again.images, again.quality) == (whole.moved, whole.images, whole.quality)
    assert again.moved["images"] == 23
    for name in ("assignments", "merges", "rejected", "assignments-before"):
        ours, theirs = (pq.read_table(tmp_path / out / f"{name}.parquet") for out in ("killed", "whole"))
        assert ours.equals(theirs), name


@pytest.mark.slow
def test_deleted_files_alone_are_a_change(photos, cluster, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("palace", "flower"):
        for file in sorted((photos / name).iterdir()):
            (folder / f"{name}{file.name}").write_bytes(file.read_bytes())
    cluster(folder, tmp_path / "run", clusters=2)
    (folder / "palace00.jpg").unlink()
    summary = cluster(folder, tmp_path / "run", clusters=2)
    assert (summary.images, summary.moved["removed"], summary.moved["changed"]) == (23, 1, 0)


@pytest.mark.slow
def test_new_images_are_assigned_and_the_run_is_evaluated_and_exported(photos, cluster, tmp_path):
    out, new = tmp_path / "run", tmp_path / "new"
    cluster(photos, out, clusters=3)
    palace, flower = load_sample_images().images
    crops(new / "palace", palace, range(20, 26))
    crops(new / "flower", flower, range(20, 26))
    summary = raycluster.assign(out, new, tmp_path / "new.parquet", labels="folders", refuse_above=float("inf"))
    assert (summary.assigned, summary.clusters) == (12, 2)
    found = pq.read_table(tmp_path / "new.parquet").to_pydict()
    known = clusters_of(out)
    for path, cluster_ in zip(found["path"], found["cluster"], strict=True):
        name = path.split("/")[0]
        assert cluster_ == known[f"{name}/01.png"], path
    assert raycluster.evaluate(out)["frozen"]["embedding"]["accuracy"] > 0.8
    table = pq.read_table(raycluster.export(out, "atlas", tmp_path / "atlas.parquet"))
    assert table.num_rows == 36
    assert all(image["bytes"] for image in table["image"].to_pylist())
    again = raycluster.embed(new, out=tmp_path / "vectors", model=out, workers=1)
    assert (again.images, again.embedding_size) == (12, 1280)
    raycluster.cluster(embeddings=out / "embeddings", clusters=3, out=tmp_path / "again")
    assert clusters_of(tmp_path / "again") == known


def test_a_set_that_cannot_be_clustered_is_told_in_a_sentence(photos, cluster, tmp_path):
    with pytest.raises(UserError, match="clusters=37, but only 36 vectors are usable"):
        cluster(photos, tmp_path / "many", clusters=37)
    assert cluster(photos, tmp_path / "many", clusters=36).clusters == 36  # with the embeddings of the first attempt
    with pytest.raises(UserError, match="--clusters was 36 and is now 3"):
        cluster(photos, tmp_path / "many", clusters=3)
    with pytest.raises(UserError, match="holds only one readable image: at least 2 are needed"):
        cluster(photos / "palace" / "00.jpg", tmp_path / "one")
    with pytest.raises(UserError, match=r"--out .*runs is inside --data"):
        cluster(photos, photos / "runs")
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.jpg").write_text("words")
    with pytest.raises(UserError, match=r"None of the 1 inputs is a readable image \(a\.jpg: "):
        cluster(tmp_path / "words", tmp_path / "none")


def test_a_first_run_that_is_killed_goes_on_and_ends_alike(photos, cluster, tmp_path, monkeypatch):
    """Killed when its images are embedded, but not clustered."""
    out, uninterrupted = tmp_path / "killed", tmp_path / "uninterrupted"
    with monkeypatch.context() as patch:
        patch.setattr(module, "read_embeddings", killed_after(module.read_embeddings))
        with pytest.raises(KeyboardInterrupt):
            cluster(photos, out, clusters=3)
    embedded = {path: path.stat().st_mtime_ns for path in (out / "embeddings").iterdir()}
    for folder in (out, uninterrupted):
        cluster(photos, folder, clusters=3)
    assert {path: path.stat().st_mtime_ns for path in embedded} == embedded
    for name in ("assignments", "merges", "rejected"):
        ours, theirs = (pq.read_table(run / f"{name}.parquet") for run in (out, uninterrupted))
        assert ours.equals(theirs), name
