import dataclasses
import gc
import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import torch
import torchvision
from PIL import Image

from raycluster.embedding import shard_size, stream
from raycluster.embedding.part_files import read_footer
from raycluster.embedding.state import EmbeddingState
from raycluster.embedding.stream import Embedder, decode_place, embed_pixels, embed_shards, prepare_shard, threads_of
from raycluster.methods.jule.network import JuleCNN
from raycluster.remote.shared_folder import SharedFolder
from raycluster.runtime.resources import Plan

ONE = Plan(workers=1, cpus_per_worker=1.0, gpus_per_worker=0.0, driver_gpus=0.0)


@pytest.fixture(scope="module")
def all_cores_again(ray_session):
    """Wait until no actor holds a core: pytest keeps a traceback for a while, that a stream, and that its actors."""
    yield
    for _ in range(100):
        gc.collect()
        if ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"]:
            return
        time.sleep(0.1)
    pytest.fail("an actor still holds a core")


@pytest.fixture
def net():
    torch.manual_seed(0)
    return JuleCNN((1, 8, 8), 20).eval()


@pytest.fixture
def make_work(tmp_path, monkeypatch):
    """Plan to embed ten images, of which d.png is none, in shards of four; each time for another folder."""
    monkeypatch.setattr(shard_size, "FEWEST_SHARD_ROWS", 4)
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate("abcdefghij"):
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "d.png").write_text("words")

    def make(name):
        out = tmp_path / name
        out.mkdir()
        return out, EmbeddingState(out, str(folder)).plan(64, 2**20)

    return make


@pytest.mark.slow
def test_tasks_that_decode_and_actors_that_decode_write_the_same(net, make_work, ray_session):
    written = []
    for decode in ("tasks", "actors"):
        out, work = make_work(decode)
        done = sorted(embed_shards(work.order, work.shards, net, SharedFolder(out), ONE, decode))
        assert [(one.shard, one.rows, one.rejected) for one in done] == [(0, 3, 1), (1, 4, 0), (2, 2, 0)]
        assert all(seconds >= 0 for one in done for seconds in one.seconds.values())
        parts = sorted((out / "embeddings").iterdir())
        written.append([(pq.read_table(part), read_footer(part)) for part in parts])
    assert written[0] == written[1]
    (first, footer), *_ = written[0]
    assert first["path"].to_pylist() == ["a.png", "b.png", "c.png"]
    assert [(row.id, row.path) for row in footer.rejected] == [(3, "d.png")]


@pytest.fixture
def mixed(tmp_path):
    """Nine images for a color network of 32 x 32: JPEG files, two of them damaged and one large, and three others."""
    folder, out = tmp_path / "mixed", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    smooth = np.random.default_rng(0).integers(0, 256, (9, 5, 5, 3), np.uint8)
    images = [Image.fromarray(one).resize((40, 32), Image.Resampling.BICUBIC) for one in smooth]
    for name, image in zip("abcdefg", images, strict=False):
        image.save(folder / f"{name}.jpg", quality=80)
    images[7].resize((800, 600)).save(folder / "h.jpg", quality=100)
    images[8].save(folder / "i.png")
    images[1].convert("CMYK").save(folder / "b.jpg", quality=60)
    images[2].convert("L").save(folder / "c.jpg")
    (folder / "e.jpg").write_bytes((folder / "e.jpg").read_bytes()[:700])
    header, _, scan = (folder / "f.jpg").read_bytes().rpartition(b"\xff\xda")
    (folder / "f.jpg").write_bytes(header + b"\xff\xc4\x00\x02\xff\xda\x00\x03" + scan)
    return out, EmbeddingState(out, str(folder)).plan(32 * 32 * 3, 2**20)


def color_net():
    torch.manual_seed(0)
    return JuleCNN((3, 32, 32), 20).eval()


def test_small_jpeg_files_travel_as_they_are_and_all_else_as_prepared_images(mixed):
    _, work = mixed
    canvas = color_net().canvas
    unit = pa.table({"shard": [0], "start": [0], "stop": [9]})
    prepared = prepare_shard(unit, work.order, canvas, keep_jpegs=True)
    jpegs = prepared["jpegs"][0].as_py()
    assert [work.order.paths[one["place"]].as_py() for one in jpegs] == [f"{name}.jpg" for name in "acdfg"]
    assert all(len(one["data"]) <= 32 * 32 * 3 for one in jpegs)
    images = np.frombuffer(prepared["images"][0].as_buffer(), np.uint8).reshape(-1, *canvas.shape)
    everything = prepare_shard(unit, work.order, canvas)
    decoded = np.frombuffer(everything["images"][0].as_buffer(), np.uint8).reshape(-1, *canvas.shape)
    np.testing.assert_array_equal(images, decoded[[1, 4, 7, 8]])
    assert [place for place, _ in json.loads(prepared["reasons"][0].as_py())] == [4]
    assert [place for place, _ in json.loads(everything["reasons"][0].as_py())] == [4, 5]


@pytest.mark.parametrize("places", [range(9), range(2, 4)], ids=["some", "all"])
def test_jpeg_files_that_the_actor_decodes_on_its_device_get_nearly_the_same_embeddings(
    mixed, tmp_path, ray_session, places
):
    _, work = mixed
    net = color_net()
    unit = pa.table({"shard": [0], "start": [places.start], "stop": [places.stop]})
    tables, footers = [], []
    for keep_jpegs in (False, True):
        out = tmp_path / f"out-{keep_jpegs}"
        out.mkdir()
        Embedder(net, work.order, SharedFolder(out), 1)(prepare_shard(unit, work.order, net.canvas, keep_jpegs))
        (part,) = (out / "embeddings").iterdir()
        tables.append(pq.read_table(part))
        footers.append(read_footer(part))
    assert footers[0] == footers[1]
    assert tables[0].drop_columns("embedding") == tables[1].drop_columns("embedding")
    first, second = (np.array(table["embedding"].to_pylist()) for table in tables)
    assert len(first) == (7 if len(places) == 9 else 2)
    np.testing.assert_allclose(second, first, atol=0.01)


@pytest.mark.slow
def test_gpu_actors_decode_jpeg_files_on_their_device(mixed, ray_session):
    out, work = mixed
    (done,) = embed_shards(work.order, work.shards, color_net(), SharedFolder(out), ONE, "device")
    assert (done.rows, done.rejected) == (7, 2)
    (part,) = (out / "embeddings").iterdir()
    assert [row.path for row in read_footer(part).rejected] == ["e.jpg", "f.jpg"]


def test_gpus_decode_only_where_cores_are_few_and_torchvision_can():
    assert [decode_place(torch.device("cpu"), cores) for cores in (1, 64)] == ["actors", "actors"]
    assert decode_place(torch.device("cuda"), 4) == ("device" if torchvision.version.cuda else "tasks")
    assert decode_place(torch.device("cuda"), 16) == "tasks"


def test_rows_without_a_finite_embedding_and_rows_that_stand_for_a_container_are_set_aside(net, make_work, embed_here):
    out, work = make_work("aside")
    with torch.no_grad():
        net.embed.weight.fill_(float("nan"))
    order = dataclasses.replace(work.order, reasons={5: "no container"})
    assert [
        one.rejected for one in sorted(stream.embed_shards(order, work.shards, net, SharedFolder(out), ONE, "actors"))
    ] == [
        4,
        4,
        2,
    ]
    reasons = [row.reason for part in sorted((out / "embeddings").iterdir()) for row in read_footer(part).rejected]
    infinite = "the network gives it an embedding that is not finite"
    assert (reasons.count(infinite), reasons[5]) == (8, "no container")


@pytest.mark.slow
def test_an_error_in_an_actor_arrives_as_it_is(net, make_work, all_cores_again):
    out, work = make_work("full")
    (out / "embeddings").write_text("a file where the folder of parts should be")
    with pytest.raises(OSError, match="embeddings"):
        list(embed_shards(work.order, work.shards, net, SharedFolder(out), ONE, "actors"))


@pytest.mark.slow
def test_only_the_shards_asked_for_are_embedded(net, make_work, ray_session):
    out, work = make_work("one")
    assert [one.shard for one in embed_shards(work.order, work.shards[1:2], net, SharedFolder(out), ONE, "actors")] == [
        1
    ]
    (part,) = (out / "embeddings").iterdir()
    assert pq.read_table(part)["path"].to_pylist() == ["e.png", "f.png", "g.png", "h.png"]


def test_a_shard_that_is_there_is_not_embedded_again(net, make_work):
    out, work = make_work("again")
    actor = Embedder(net, work.order, SharedFolder(out), 1)
    unit = pa.table({"shard": [1], "start": [4], "stop": [8]})
    first = actor(unit).to_pylist()[0]
    written = (out / "embeddings" / "part-00001.parquet").stat().st_mtime_ns
    again = actor(unit).to_pylist()[0]
    assert (out / "embeddings" / "part-00001.parquet").stat().st_mtime_ns == written
    assert (first["rows"], again["rows"], sum(again["seconds"].values())) == (4, 4, 0)


def test_rows_of_damaged_containers_are_not_read(net, tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for name, value in (("a", 10), ("d", 40)):
        Image.new("L", (8, 8), value).save(folder / f"{name}.png")
    for name in ("b.npz", "c.tar"):
        (folder / name).write_bytes(b"nothing")
    np.savez(folder / "e.npz", images=np.full((2, 8, 8), 70, np.uint8))
    work = EmbeddingState(out, str(folder)).plan(64, 2**20)
    unit = pa.table({"shard": [0], "start": [0], "stop": [6]})
    prepared = prepare_shard(unit, work.order, net.canvas)
    pixels = np.frombuffer(prepared["images"][0].as_buffer(), np.uint8).reshape(6, -1)
    assert pixels[:, 0].tolist() == [10, 0, 0, 40, 70, 70]
    assert {place for place, _ in json.loads(prepared["reasons"][0].as_py())} == {1, 2}


def test_an_actor_computes_with_its_threads(net, make_work):
    out, work = make_work("threads")
    before = torch.get_num_threads()
    try:
        actor = Embedder(net, work.order, SharedFolder(out), 2)
        assert (torch.get_num_threads(), actor.size) == (2, 20)
    finally:
        torch.set_num_threads(before)
    assert threads_of(Plan(workers=2, cpus_per_worker=0.5, gpus_per_worker=0.0, driver_gpus=0.0)) == 1


def test_embeddings_do_not_depend_on_the_batches(net):
    images = np.random.default_rng(0).integers(0, 256, (260, 1, 8, 8), np.uint8)  # more than a batch
    with torch.inference_mode():
        wanted = np.concatenate([net.embed_images(torch.tensor(images[i : i + 1])).numpy() for i in range(260)])
    np.testing.assert_allclose(embed_pixels(net, images, wanted.shape[1]), wanted, atol=1e-6)
    assert embed_pixels(net, images[:0], wanted.shape[1]).shape == (0, wanted.shape[1])
