import io
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

import raycluster
from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import decode
from raycluster.data.image.fit import prepare
from raycluster.data.vectors.vector_set import open_vectors
from raycluster.embedding import shard_size
from raycluster.embedding.embed import EmbedOptions, embed_source
from raycluster.errors import UserError
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.saved_network import load_network
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from tests.storage import without_shared_storage


def make_run(path, seed=0):
    torch.manual_seed(seed)
    net = JuleCNN((1, 8, 8), 20).eval()
    for module in net.modules():  # so that embeddings differ
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.3)
    path.mkdir(exist_ok=True)
    RunDir(path).write_model(net, net.architecture())
    return path


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Forty images of two classes, and five files that are none; shards have eight rows."""
    monkeypatch.setattr(shard_size, "FEWEST_SHARD_ROWS", 8)
    folder = tmp_path / "photos"
    for i in range(40):
        save(folder / ("cat" if i % 2 else "dog") / f"{i:02d}.png", i)
    (folder / "cat" / "00.png").write_bytes(b"")
    (folder / "cat" / "02.jpg").write_text("words")
    whole = (folder / "dog" / "08.png").read_bytes()
    (folder / "dog" / "07.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "99.png").symlink_to("nowhere")
    (folder / "dog" / "98.bmp").write_bytes(whole[:3])
    return folder


def save(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (8, 8, 3) if seed % 3 else (20, 12)  # other colors and sizes than the network takes
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, size, np.uint8)).save(path)


def plain_loop(run, photos):
    """Return the embedding by path, from a loop that anybody would write."""
    net, found = load_network(run / "model"), {}
    for path in sorted(photos.rglob("*.png")):
        try:
            pixels = prepare(decode(path.read_bytes()), Canvas(*net.shape))
        except Exception:
            continue
        with torch.inference_mode():
            found[str(path.relative_to(photos))] = net.embed_images(torch.tensor(pixels)[None])[0].numpy()
    return found


def parts(out):
    return {path.name: pq.read_table(path) for path in sorted((out / "embeddings").iterdir())}


@pytest.mark.slow
def test_every_image_is_embedded_once_alike_by_any_number_of_workers(run, photos, tmp_path, ray_session):
    said = io.StringIO()
    settings = {"model": str(run), "data": str(photos), "labels": "folders"}
    summary = embed_source(EmbedOptions(**settings, out=str(tmp_path / "two"), workers=2), Console(stream=said))
    assert (summary.rows, summary.images, summary.rejected, summary.files) == (45, 40, 5, 45)
    assert "45 rows in 45 files = 40 embeddings + 5 rejected; ids unique, 6 parts, checked" in said.getvalue()
    wanted = plain_loop(run, photos)
    found = open_vectors(str(tmp_path / "two" / "embeddings"))
    assert found.paths == sorted(wanted)
    assert (np.diff(found.ids) > 0).all()
    np.testing.assert_allclose(found.vectors, [wanted[path] for path in found.paths], atol=1e-5)
    assert found.labels.tolist() == [int(path.startswith("dog")) for path in found.paths]
    rejected = dict(zip(*pq.read_table(tmp_path / "two" / "rejected.parquet").to_pydict().values(), strict=True))
    assert sorted(rejected) == ["cat/00.png", "cat/02.jpg", "dog/07.png", "dog/98.bmp", "dog/99.png"]
    assert rejected["cat/00.png"] == "the file is empty"

    with without_shared_storage():
        embed_source(EmbedOptions(**settings, out=str(tmp_path / "one"), workers=1), Console(quiet=True))
    one, two = parts(tmp_path / "one"), parts(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, table in one.items():
        assert table.drop_columns("embedding") == two[name].drop_columns("embedding")
    again = open_vectors(str(tmp_path / "one" / "embeddings"))
    np.testing.assert_allclose(again.vectors, found.vectors, atol=1e-6)  # more threads add in another order


def test_the_same_command_embeds_what_was_added_and_otherwise_nothing(run, photos, tmp_path, embed_here, capsys):
    first = raycluster.embed(photos, out=tmp_path / "out", model=run, workers=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    again = raycluster.embed(photos, out=tmp_path / "out", model=run, workers=2)
    assert again == first
    assert "already holds these embeddings, and nothing has changed" in capsys.readouterr().out
    unchanged = {path for path in before if path.name != "rejected.parquet"}
    assert all(path.stat().st_mtime_ns == before[path] for path in unchanged)
    (tmp_path / "out" / "summary.json").write_text("{}")
    assert raycluster.embed(photos, out=tmp_path / "out", model=run).images == first.images
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["images"] == first.images

    save(photos / "ant.png", 50)
    (photos / "dog" / "08.png").unlink()
    save(photos / "cat" / "00.png", 51)  # it was empty
    grown = raycluster.embed(photos, out=tmp_path / "out", model=run)
    assert (grown.rows, grown.images, grown.rejected, grown.embedded_now) == (45, 41, 4, 2)
    told = capsys.readouterr().out
    for sentence in ("New: 1 file(s) (ant.png)", "Changed: 1 file(s) (cat/00.png)", "Deleted: 1 file(s)"):
        assert sentence in told
    found = open_vectors(str(tmp_path / "out" / "embeddings"))
    assert dict(zip(found.paths[-2:], found.ids[-2:].tolist(), strict=True)) == {"ant.png": 45, "cat/00.png": 46}
    wanted = plain_loop(run, photos)
    np.testing.assert_allclose(found.vectors, [wanted[path] for path in found.paths], atol=1e-5)


def test_a_pretrained_network_embeds_with_weights_from_a_file(photos, tmp_path, embed_here, capsys):
    torch.manual_seed(0)
    net = torchvision.models.resnet18().eval()
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    small = tmp_path / "small"
    small.mkdir()
    for name in ("a", "b"):
        save(small / f"{name}.png", ord(name))
    settings = {"backbone": "resnet18", "weights": tmp_path / "w.safetensors", "image_size": 32, "workers": 1}
    summary = raycluster.embed(small, out=tmp_path / "out", **settings)
    assert (summary.images, summary.embedding_size) == (2, 512)
    assert "resnet18 (torchvision): images of 32 x 32 pixels, embeddings of 512 numbers" in capsys.readouterr().out
    found = open_vectors(str(tmp_path / "out" / "embeddings"))
    canvas = Canvas(3, 32, 32, "crop", None, 0.875)
    pixels = np.stack([prepare(decode((small / path).read_bytes()), canvas) for path in found.paths])
    normal = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(torch.tensor(pixels) / 255)
    net.fc = torch.nn.Identity()
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(net(normal))
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)


def test_a_set_without_a_readable_image_is_no_success(run, tmp_path, embed_here):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"None of the 1 inputs is a readable image \(a.png: the file is empty\)"):
        raycluster.embed(tmp_path / "a.png", out=tmp_path / "out", model=run)
    assert pq.read_table(tmp_path / "out" / "rejected.parquet").num_rows == 1
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model": "resnet18"}, "--model resnet18: there is no such folder of a run. --backbone names other networks"),
        ({"model": None, "backbone": "resnet18", "weights": "w.pth"}, "The weights .*w.pth cannot be read: No such fi"),
        ({"weights": "w.pth"}, "--weights is for pretrained networks"),
        ({"image_size": 0}, "--image-size 0: choose at least 1"),
        ({"data": "/no/such/folder"}, "There is no file or folder /no/such/folder"),
    ],
)
def test_wrong_calls_are_answered_in_a_sentence(settings, sentence, run, photos, tmp_path):
    given = {"model": str(run), "data": str(photos), "out": str(tmp_path / "out")} | settings
    with pytest.raises(UserError, match=sentence):
        embed_source(EmbedOptions(**given))


def test_an_output_folder_among_the_images_is_refused_and_not_begun(run, photos):
    with pytest.raises(UserError, match=r"--out .*vectors is inside --data"):
        raycluster.embed(photos, out=photos / "vectors", model=run)
    assert not (photos / "vectors").exists()


def test_a_container_with_nothing_in_it_is_rejected_and_leaves_the_others_as_they_are(
    run, photos, tmp_path, embed_here
):
    (tmp_path / "arrays").mkdir()
    image = {"bytes": (photos / "dog" / "02.png").read_bytes()}
    pq.write_table(pa.table({"image": [image] * 3}), tmp_path / "arrays" / "a.parquet")
    options = EmbedOptions(model=str(run), data=str(tmp_path / "arrays"), out=str(tmp_path / "out"))
    assert embed_source(options).images == 3
    pq.write_table(pa.table({"image": [image]}).slice(0, 0), tmp_path / "arrays" / "b.parquet")
    summary = embed_source(options)
    assert (summary.files, summary.images, summary.rejected, summary.embedded_now) == (2, 3, 1, 0)


def test_another_model_or_other_images_in_the_same_folder_are_refused(run, photos, tmp_path, embed_here):
    small = photos / "cat" / "01.png"
    raycluster.embed(small, out=tmp_path / "out", model=run, workers=1)
    with pytest.raises(UserError, match=re.escape(f"--data was {small} and is now {photos}")):
        raycluster.embed(photos, out=tmp_path / "out", model=run)
    with pytest.raises(UserError, match=r"--model was .*run and is now .*other"):
        raycluster.embed(small, out=tmp_path / "out", model=make_run(tmp_path / "other"))
    make_run(run, seed=1)
    with pytest.raises(UserError, match=r"The weights of .*run have changed"):
        raycluster.embed(small, out=tmp_path / "out", model=run)


def test_deep_images_are_spread_over_the_levels_and_nearly_blank_ones_named(run, tmp_path, embed_here, capsys):
    folder = tmp_path / "deep"
    folder.mkdir()
    for i in range(6):
        deep = np.random.default_rng(i).integers(0, 4096, (8, 8)).astype(np.uint16)
        Image.fromarray(deep if i % 3 else deep // 400 + 300).save(folder / f"{i}.png")
    summary = raycluster.embed(folder, out=tmp_path / "out", model=run, workers=1)
    assert (summary.blank_now, summary.blank_paths) == (2, ["0.png", "3.png"])
    told = capsys.readouterr()
    assert "Some images have more than 8 bits: 0 becomes black, and 4095 white.\n" in told.out
    assert "2 of the 6 images embedded now are nearly blank: 0.png, 3.png." in " ".join((told.out + told.err).split())
    net = load_network(run / "model")
    pixels = [decode((folder / f"{i}.png").read_bytes(), value_range=(0, 4095)) for i in range(6)]
    with torch.inference_mode():
        expected = net.embed_images(torch.tensor(np.stack(pixels))[:, None]).numpy()
    np.testing.assert_allclose(open_vectors(str(tmp_path / "out" / "embeddings")).vectors, expected, atol=1e-5)


@pytest.mark.slow
def test_ctrl_c_ends_with_a_sentence_and_without_tracebacks_of_threads(tmp_path):
    save_file(torchvision.models.resnet50().state_dict(), tmp_path / "w.safetensors")  # digits take it a minute
    words = ["embed", "--data", "digits", "--out", tmp_path / "out", "--backbone", "resnet50", "--image-size", "96"]
    words += ["--weights", tmp_path / "w.safetensors"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    job = subprocess.Popen(
        [sys.executable, "-u", "-m", "raycluster", *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert any("waiting for the first shard" in line for line in job.stdout)
    os.killpg(job.pid, signal.SIGINT)  # as a terminal does
    told = [line for line in job.stdout.read().splitlines() if not line.startswith("waiting for the first shard")]
    assert (job.wait(), told) == (130, ["stopping Ray", "Stopped. The same command embeds what is missing."])
