import io
import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.errors import UserError
from raycluster.methods import find_method
from raycluster.methods.concurl.clustering import CLUSTERINGS
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.dccm.settings import DccmSettings
from raycluster.methods.jule.network import JuleCNN
from raycluster.nn.features import frozen_features
from raycluster.results.evaluate import (
    MOST_IMAGES,
    EvaluateOptions,
    clusters_on,
    comparison_lines,
    evaluate_run,
    in_numbers_of_run,
    labeled_rows,
)
from raycluster.runtime.console import Console
from raycluster.training.in_process import train_in_process
from raycluster.training.trainer import TrainingRun


@pytest.mark.parametrize(
    ("net", "sizes"),
    [
        (DccmCNN((1, 32, 32), 5), {"conv": 256, "fc": 64}),
        (JuleCNN((1, 8, 8), 20), {"embedding": 20}),
        (ConcurlNet((1, 32, 32), 5), {"trunk": 512, "head": 256, "nce": 128}),
    ],
    ids=["dccm", "jule", "concurl"],
)
def test_every_layer_gives_one_row_an_image(net, sizes):
    pixels = np.zeros((3, *net.shape), np.uint8)
    found = frozen_features(net.eval(), pixels)
    assert {name: values.shape for name, values in found.items()} == {name: (3, size) for name, size in sizes.items()}


@pytest.fixture
def images(tmp_path):
    np.savez(tmp_path / "set.npz", images=np.zeros((4, 8, 8), np.uint8), labels=[3, -1, 4, 3])
    return open_images(str(tmp_path / "set.npz"))


def test_images_of_unknown_class_are_left_out_and_large_sets_are_sampled(images):
    rows = labeled_rows(images, seed=0)
    assert rows.tolist() == [0, 2, 3]
    many = replace(images, labels=np.zeros(MOST_IMAGES + 5, np.int64))
    rows = labeled_rows(many, seed=0)
    assert len(rows) == MOST_IMAGES
    assert (np.diff(rows) > 0).all()
    with pytest.raises(UserError, match="No image has a known class"):
        labeled_rows(replace(images, labels=None), seed=0)


def test_a_folder_without_a_finished_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        evaluate_run(EvaluateOptions(run=str(tmp_path)))


def test_clusters_of_the_run_are_scored_on_other_images_frozen_and_found_anew():
    pixels = np.zeros((12, 1, 32, 32), np.uint8)
    pixels[6:] = 200
    labels = np.repeat([0, 1], 6)
    net = ConcurlNet((1, 32, 32), 2, "resnet18").eval()
    found = clusters_on(net, {"method": "concurl"} | asdict(ConcurlSettings()), pixels, labels, 0)
    assert set(found) == set(CLUSTERINGS)
    assert found["nce_embeddings"]["refitted"]["acc"] == 1
    assert found["nce_embeddings"]["frozen"]["acc"] == 0.5  # its centroids are all zero
    (dccm,) = clusters_on(DccmCNN((1, 32, 32), 3).eval(), {"method": "dccm"}, pixels, labels, 0).items()
    assert (dccm[0], set(dccm[1])) == ("population", {"frozen"})
    assert clusters_on(JuleCNN((1, 32, 32), 20).eval(), {"method": "jule"}, pixels, labels, 0) == {}


def test_classes_of_other_images_are_numbered_as_in_the_run_by_their_names():
    pixels, told = np.arange(4)[:, None], io.StringIO()
    console = Console(stream=told)
    labels = np.array([0, 1, 2, 1])
    seen, numbers = in_numbers_of_run(pixels, labels, ["bird", "cat", "dog"], ["ape", "cat", "dog"], console)
    assert (seen[:, 0].tolist(), numbers.tolist()) == ([1, 2, 3], [1, 2, 1])
    assert "left out of --shift: bird" in told.getvalue()
    assert in_numbers_of_run(pixels, labels, None, None, console)[1] is labels
    with pytest.raises(UserError, match="only numbers"):
        in_numbers_of_run(pixels, labels, ["a", "b", "c"], None, console)
    with pytest.raises(UserError, match=r"knows none of the classes .*a, b, c"):
        in_numbers_of_run(pixels, labels, ["a", "b", "c"], ["d"], console)


def test_pixels_and_embedding_are_compared_side_by_side():
    score = {"nmi_geometric": 0.5, "acc": 0.25}
    transfer = {"pixels": {"k-means": score}, "embedding": {"k-means": score | {"acc": 1.0}}}
    pairs = {"pixels": {"auc": 0.5, "accuracy": 0.6}, "embedding": {"auc": 0.75, "accuracy": 0.8}}
    few = {space: {"5": {"neighbors": 0.1, "linear": 0.2}} for space in pairs}
    lines = [line.split() for line in comparison_lines(transfer, pairs, few)]
    assert lines[0] == ["pixels", "embedding"]
    assert lines[1] == ["k-means,", "NMI", "/", "ACC", "0.500", "/", "0.250", "0.500", "/", "1.000"]
    assert lines[2][-2:] == ["0.500", "0.750"]
    assert [line[-1] for line in lines[3:]] == ["0.800", "0.100", "0.200"]


@pytest.mark.slow
def test_other_images_are_read_as_asked_and_those_of_the_run_as_in_the_run(
    ray_session, jule_run, digit_files, tmp_path
):
    digits = np.load(digit_files / "new.npz")
    folder = tmp_path / "other"
    folder.mkdir()
    arrays = {"dark": digits["images"] // 2, "bright": digits["images"], "labels": digits["labels"]}
    for name in ("a", "b"):
        np.savez(folder / f"{name}.npz", **arrays)
    run = shutil.copytree(jule_run, tmp_path / "run")
    (run / "metrics.jsonl").touch()
    said = io.StringIO()
    given = {"run": str(run), "data": str(folder), "exclude": ("b.npz",), "array": "bright"}
    found = evaluate_run(EvaluateOptions(**given), Console(stream=said))
    assert found["images"] == 100
    expected = evaluate_run(EvaluateOptions(run=str(run), data=str(digit_files / "new.npz")), Console(quiet=True))
    for name in ("frozen", "transfer", "pairs", "few_labels"):
        assert found[name] == expected[name]
    spaces = ["pixels", "untrained", "embedding"]
    assert list(found["transfer"]) == list(found["pairs"]) == list(found["few_labels"]) == spaces
    assert "Ward linkage, NMI / ACC" in said.getvalue()
    assert "Left out of 2 files: 1 × excluded by b.npz" in said.getvalue()
    with pytest.raises(UserError, match="--exclude, --frames and --array go with --data"):
        EvaluateOptions(run=str(run), array="bright")


TRAINED = [
    (
        DccmSettings(epochs=1, large_batch=32, small_batch=8, repeats=1, mi_places=4, global_graph=True),
        {"frozen": {"conv", "fc"}},
    ),
    (
        ConcurlSettings(
            epochs=1, batch_size=20, noise=64, ensemble=4, projection_size=8, trunk="resnet18", bank="partitioned"
        ),
        {"frozen": {"trunk", "head", "nce"}, "consensus": {"consensus", "seeds", "projections", "algorithms"}},
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "wanted"), TRAINED, ids=["dccm", "concurl"])
def test_a_run_of_every_method_is_evaluated(settings, wanted, digits_npz, tmp_path):
    method = find_method("dccm" if isinstance(settings, DccmSettings) else "concurl")
    images = load_images(open_images(digits_npz, canvas=CanvasSettings(square_sizes=method.square_sizes)))
    run = TrainingRun(method, settings, digits_npz, 10, str(tmp_path / "run"))
    train_in_process(run, images, threads=1)
    found = evaluate_run(EvaluateOptions(run=run.out), Console(quiet=True))
    assert {name: set(found[name]) for name in wanted} == wanted
    assert found["frozen"][min(found["frozen"])]["accuracy"] > 0.3
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text()) == found


def test_images_of_which_none_can_be_decoded_are_refused(ray_session, jule_run, tmp_path):
    for i in range(4):
        file = io.BytesIO()
        Image.effect_noise((64, 64), 50).save(file, "PNG")
        (tmp_path / str(i % 2)).mkdir(exist_ok=True)
        (tmp_path / str(i % 2) / f"{i}.png").write_bytes(file.getvalue()[:1000])
    with pytest.raises(UserError, match=r"None of the images in .* could be decoded: choose others with --data"):
        evaluate_run(EvaluateOptions(run=str(jule_run), data=str(tmp_path), labels="folders"), Console(quiet=True))


def test_a_source_whose_secrets_were_not_stored_is_asked_for(jule_run, tmp_path):
    run = shutil.copytree(jule_run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["identity"]["data"] = "s3://***@bucket/a"
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"The credentials in s3://\*\*\*@bucket/a .* name it again, with --data"):
        evaluate_run(EvaluateOptions(run=str(run)), Console(quiet=True))
