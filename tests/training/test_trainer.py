"""Real fits on Ray with a small method; each costs seconds, so each shows several things."""

import io
import json
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.cluster import KMeans
from torch import nn

from raycluster.data.files.sources import list_images
from raycluster.data.reading import Reading
from raycluster.errors import TrainingFailed, UserError
from raycluster.methods import find_method
from raycluster.methods.base import Method, Outcome
from raycluster.methods.network import MethodNetwork
from raycluster.runtime.console import Console
from raycluster.training.trainer import TrainingRun, check_asked, run_training

N = 23  # does not divide by two
CLUSTERS = 3


@dataclass(frozen=True)
class SmallSettings:
    """Where and how the small method breaks down, once each; ``flags`` is the folder that remembers it."""

    flags: str = ""
    kill_worker: bool = False
    kill_driver: bool = False
    mistake: bool = False
    epochs: int = 3


def first_time(settings, what):
    flag = Path(settings.flags) / what
    if flag.exists():
        return False
    flag.touch()
    return True


@dataclass(frozen=True)
class Labels:
    labels: np.ndarray


def cluster_rows(features, settings) -> Labels:
    if settings.kill_driver and first_time(settings, "driver"):
        os.kill(os.getpid(), signal.SIGKILL)
    found = KMeans(CLUSTERS, n_init=3, random_state=0).fit(features)
    return Labels(found.labels_.astype(np.int32))


class SmallNet(MethodNetwork):
    shape, embedding_size = (1, 8, 8), 2

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))

    def prepare(self, images):
        return images.float() / 255

    def layers(self, inputs):
        return {"embedding": self(inputs)}

    def forward(self, inputs):
        return self.body(inputs)

    def architecture(self):
        return {"name": "small"}


def small_method(settings, clusters, context):
    """Train a network with BatchNorm a few steps and cluster its features: all that a method does."""
    torch.manual_seed(context.seed)
    net = SmallNet().to(context.device)
    model = context.wrap(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.0)
    begun, labels = 0, None
    if saved := context.restore():
        net.load_state_dict({name: value for name, value in saved[0].items() if name != "labels"})
        begun, labels = saved[1]["epoch"], saved[0]["labels"].numpy()
    for epoch in range(begun, settings.epochs):
        model.train()
        for batch in context.feed.train_batches(8, epoch):
            rows = context.all_gather(model(batch.images.float() / 255))
            loss = (torch.cdist(rows, rows) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch == 1 and context.rank == context.world_size - 1:
            if settings.kill_worker and first_time(settings, "worker"):
                os.kill(os.getpid(), signal.SIGKILL)
            if settings.mistake and first_time(settings, "mistake"):
                raise ValueError("a mistake in the program")
        net.eval()
        with torch.no_grad():
            parts = [(b.ids, net(b.images.float() / 255)) for b in context.feed.eval_batches(5)]
        ids, features = (torch.cat(tensors).numpy() for tensors in zip(*parts, strict=True))
        labels = context.run_on_driver(epoch, cluster_rows, ids, features, settings=settings).labels
        context.report({"kind": "epoch", "period": 0, "epoch": epoch + 1, "loss": loss.item(), "warnings": []})
        context.save(net.state_dict() | {"labels": torch.from_numpy(labels)}, {"epoch": epoch + 1})
    return Outcome(
        model=net,
        clusterings={"small": labels},
        reported="small",
        ids=ids,
        embeddings=features,
    )


def small() -> Method:
    return Method(
        name="small",
        summary="a method for tests",
        settings=SmallSettings,
        presets={"default": SmallSettings()},
        search_space=(),
        train=small_method,
        architectures=("small",),
        build_network=lambda architecture, settings: SmallNet(),
        epochs_between_checks=lambda settings: 1,
    )


ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 23 images of three kinds and one that is none."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(N):
        pixels = rng.integers(0, 30, (8, 8), np.uint8)
        pixels[i % CLUSTERS * 2 :, :3] += np.uint8(200)
        (folder / f"kind{i % CLUSTERS}").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"kind{i % CLUSTERS}" / f"{i:02d}.png")
    (folder / "kind0" / "03 broken.png").write_bytes(b"no image")
    return folder


def train(photos, out, clusters=CLUSTERS, settings=None, told=None, **options):
    told = told or io.StringIO()
    settings = settings or SmallSettings()
    run = TrainingRun(small(), settings, str(photos), clusters, str(out), reading=Reading("folders"), **options)
    return run_training(run, Console(stream=told)), told.getvalue()


@pytest.fixture(scope="module")
def alone(ray_session, photos, tmp_path_factory):
    """The run of one worker that nothing befalls; its folder, its summary, and what it told."""
    out = tmp_path_factory.mktemp("runs") / "alone"
    return out, *train(photos, out)


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def assert_same_model(out, other, **tolerance):
    weights = load_file(other / "model" / "model.safetensors")
    for name, value in load_file(out / "model" / "model.safetensors").items():
        torch.testing.assert_close(value, weights[name], msg=name, **tolerance)


@pytest.mark.slow
def test_a_run_leaves_every_image_in_every_file_and_says_what_it_rejected(alone, photos):
    out, summary, told = alone
    assert (summary.images, summary.rejected, summary.clusters) == (N, 1, CLUSTERS)
    assert summary.quality["small"]["acc"] == 1.0
    assert set(summary.stages) == {"ray_start", "images", "worker_start", "training", "writing", "page"}
    assert all(seconds >= 0 for seconds in summary.stages.values())
    assert {path.name for path in out.iterdir()} == {
        "assignments.parquet",
        "checkpoints",
        "config.json",
        "embeddings",
        "metrics.jsonl",
        "model",
        "rejected.parquet",
        "report.html",
        "summary.json",
        "tensorboard",
    }
    assert not (out / "checkpoints" / "ray").exists()
    assignments = pq.read_table(out / "assignments.parquet").to_pydict()
    expected_ids = [i for i in range(N + 1) if i != 1]  # the broken file is the second of the list
    assert assignments["id"] == expected_ids
    assert assignments["path"][:3] == ["kind0/00.png", "kind0/03.png", "kind0/06.png"]
    assert [Path(path).parent.name for path in assignments["path"]] == [
        f"kind{label}" for label in assignments["label"]
    ]
    embeddings = pq.read_table(out / "embeddings").to_pydict()
    assert (embeddings["id"], embeddings["path"]) == (assignments["id"], assignments["path"])
    (rejected,) = pq.read_table(out / "rejected.parquet").to_pylist()
    assert rejected["path"] == "kind0/03 broken.png"
    assert f"1 x {rejected['reason']}" in told
    assert f"All results are in {out}" in told


@pytest.mark.slow
def test_a_finished_run_is_told_again_and_not_done_again(alone, photos):
    out, summary, _ = alone
    before = (out / "metrics.jsonl").read_bytes()
    again, told = train(photos, out)
    assert again == summary
    assert "finished" in told
    assert (out / "metrics.jsonl").read_bytes() == before


@pytest.mark.slow
def test_two_workers_that_lose_a_worker_and_the_driver_and_break_down_find_what_one_finds(alone, photos, tmp_path):
    settings = SmallSettings(str(tmp_path), kill_worker=True, kill_driver=True, mistake=True)
    out = tmp_path / "two"
    told = io.StringIO()
    with pytest.raises(TrainingFailed, match=r"ValueError: a mistake in the program\n.*error\.log"):
        train(photos, out, settings=settings, workers=2, told=told)
    assert {path.name for path in tmp_path.iterdir()} == {"worker", "driver", "mistake", "two"}
    assert "Training continues from the checkpoint" in told.getvalue()
    assert "raise ValueError" in (out / "error.log").read_text()
    # A worker that was killed is replaced; a mistake is not tried again.
    assert [row.get("epoch") for row in metrics(out)] == [None, 1, None]
    with pytest.raises(UserError, match="--epochs was 3 and is now 4"):
        train(photos, out, settings=replace(settings, epochs=4), workers=2)
    summary, _ = train(photos, out, settings=settings, workers=2)
    assert [row.get("epoch") for row in metrics(out)] == [None, 1, None, 2, 3]
    assert not (out / "error.log").exists()
    assert (summary.images, summary.quality) == (N, alone[1].quality)
    parts = [pq.read_table(part) for part in sorted((out / "embeddings").iterdir())]
    assert [part.num_rows for part in parts] == [11, 12]
    # 8 images a batch, 4 a worker: the same batches as one worker has, in another order.
    assert_same_model(out, alone[0], atol=1e-4, rtol=1e-3)


@pytest.mark.slow
def test_a_run_that_broke_down_is_continued_to_the_same_result(alone, photos, tmp_path):
    settings, out = SmallSettings(str(tmp_path), mistake=True), tmp_path / "broken"
    with pytest.raises(TrainingFailed, match="a mistake in the program"):
        train(photos, out, settings=settings)
    assert [row["kind"] for row in metrics(out)] == ["start", "epoch"]  # no second try of a mistake
    train(photos, out, settings=settings)
    assert [row.get("epoch") for row in metrics(out)] == [None, 1, None, 2, 3]
    assert_same_model(out, alone[0], atol=0, rtol=0)
    for name in ("assignments.parquet", "embeddings/part-00000-of-00001.parquet"):
        assert pq.read_table(out / name) == pq.read_table(alone[0] / name)


def test_more_clusters_than_images_are_refused(photos, tmp_path, ray_session):
    with pytest.raises(UserError, match=r"clusters=24, but only 23 images were readable \(1 were rejected\)"):
        train(photos, tmp_path / "out", clusters=24)
    assert not (tmp_path / "out").exists()


def test_a_pretrained_network_decides_about_sizes_and_colors():
    method = find_method("concurl")
    settings = {name: method.settings(backbone=name) for name in (None, "resnet50")}
    asked = TrainingRun(method, settings["resnet50"], "photos", 2, "run", image_size=224)
    check_asked(asked)
    with pytest.raises(UserError, match="color=gray"):
        check_asked(replace(asked, color="gray"))
    with pytest.raises(UserError, match="160"):
        check_asked(replace(asked, settings=settings[None]))


def test_results_do_not_go_into_the_images(photos, ray_session):
    with pytest.raises(UserError, match=r"--out .*kind1/run is inside --data"):
        train(photos, photos / "kind1" / "run")
    assert not (photos / "kind1" / "run").exists()


def test_secrets_in_an_address_are_neither_shown_nor_stored(tmp_path, ray_session):
    source = "ftp://KEY:SECRET@localhost/x"
    told = io.StringIO()
    run = TrainingRun(small(), SmallSettings(), source, 2, str(tmp_path / "out"))
    assert "SECRET" not in json.dumps(run.identity)
    with pytest.raises(UserError) as error:
        run_training(run, Console(stream=told))
    assert "SECRET" not in told.getvalue() + str(error.value)


def test_a_glob_is_listed_once(photos, tmp_path, monkeypatch, ray_session):
    listed = []

    def counted(source, exclude=()):
        listed.append(exclude)
        return list_images(source, exclude)

    for module in ("raycluster.training.trainer", "raycluster.data.images"):
        monkeypatch.setattr(f"{module}.list_images", counted)
    reading = Reading(exclude=("*.bmp",))
    run = TrainingRun(small(), SmallSettings(), f"{photos}/*/*", 500, str(tmp_path / "out"), reading=reading)
    with pytest.raises(UserError, match="clusters=500, but only"):
        run_training(run, Console(quiet=True))
    assert listed == [("*.bmp",)]
