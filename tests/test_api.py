import subprocess
import sys
from pathlib import Path

import pytest

import raycluster
from raycluster.api import usual_out
from raycluster.errors import UserError
from raycluster.graph.settings import GraphSettings
from raycluster.methods.dccm.settings import DccmSettings
from raycluster.methods.jule.settings import PRESETS, JuleSettings
from raycluster.options import TrainOptions
from raycluster.runtime.paths import absolute_out


def test_importing_the_package_imports_neither_ray_nor_torch():
    code = "import sys, raycluster; print([m for m in ('ray', 'torch', 'faiss') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        raycluster.nonsense  # noqa: B018


def test_the_package_is_typed_and_every_public_name_is_there():
    assert (Path(raycluster.__file__).parent / "py.typed").exists()
    assert sorted(raycluster.__all__) == [
        "GraphDegreeLinkage",
        "assign",
        "cluster",
        "embed",
        "evaluate",
        "export",
        "show",
        "sweep",
        "train",
    ]
    assert all(callable(getattr(raycluster, name)) for name in raycluster.__all__)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ({"data": "photos"}, "How many clusters are there in photos"),
        ({"method": "concur"}, "no method 'concur': choose one of jule, dccm, concurl"),
        ({"method": "dccm", "clusters": "auto"}, "dccm cannot choose the number of clusters"),
        ({"method": "dccm", "image_size": 40}, "--image-size 40 x 40: .* squares of 32, 64 or 96 pixels"),
        ({"preset": "fast"}, "no preset 'fast': choose one of default, paper"),
        ({"clusters": 1}, "choose at least 2"),
        ({"settings": DccmSettings(), "method": "jule"}, "settings are those of dccm, but method is 'jule'"),
        ({"settings": JuleSettings(), "preset": "paper"}, "settings and preset 'paper' are both given"),
        ({"settings": GraphSettings()}, "settings is a GraphSettings: give one of JuleSettings, DccmSettings"),
        ({"settings": DccmSettings(), "clusters": "auto"}, "dccm cannot choose the number of clusters"),
    ],
)
def test_wrong_calls_are_answered_in_a_sentence(call, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        raycluster.train(out=tmp_path / "out", **call)


def test_settings_name_the_method_and_presets_are_settings(monkeypatch, tmp_path):
    got = []
    monkeypatch.setattr("raycluster.api.train_with", lambda options, method, settings: got.append((method, settings)))
    raycluster.train()
    raycluster.train(preset="paper")
    raycluster.train(settings=DccmSettings(alpha=1.0))
    raycluster.train(Path("photos"), 20, tmp_path, method="jule", settings=JuleSettings(rounds=0))
    assert got == [
        ("jule", PRESETS["default"]),
        ("jule", PRESETS["paper"]),
        ("dccm", DccmSettings(alpha=1.0)),
        ("jule", JuleSettings(rounds=0)),
    ]


def test_functions_hand_on_what_they_are_given(monkeypatch):
    got = {}
    homes = {
        "embed": "raycluster.embedding.embed.embed_source",
        "cluster": "raycluster.clustering.cluster_vectors.cluster_vectors",
        "images": "raycluster.clustering.cluster_images.cluster_images",
        "assign": "raycluster.results.assign.assign",
        "evaluate": "raycluster.results.evaluate.evaluate_run",
        "export": "raycluster.results.export.export_run",
        "sweep": "raycluster.sweeps.sweep.sweep",
    }
    for name, home in homes.items():
        monkeypatch.setattr(home, lambda *given, name=name: got.__setitem__(name, given))
    raycluster.embed(Path("d"), out=Path("o"), backbone="resnet18", weights=Path("w"), workers=2)
    raycluster.cluster(embeddings=Path("e"), clusters=5, out=Path("o"), settings=GraphSettings(n_neighbors=7))
    raycluster.cluster(Path("p"), out=Path("o"), weights=Path("w"), image_size=96)
    raycluster.assign(Path("m"), Path("d"), Path("o"), refuse_above=2)
    raycluster.evaluate(Path("r"), Path("d"), shift=True)
    raycluster.export(Path("r"), "folders", Path("o"), names=Path("n"), transfer="symlink", execute=True)
    raycluster.sweep(Path("d"), 5, Path("o"), method="dccm", preset="cpu", space=["alpha=1:2"], trials=3)
    options = {name: given[0] for name, given in got.items()}
    assert (options["embed"].backbone, options["embed"].weights, options["embed"].workers) == ("resnet18", "w", 2)
    images = options["images"]
    assert (images.data, images.weights, images.image_size, images.clusters) == ("p", "w", 96, "auto")
    assert (options["cluster"].embeddings, options["cluster"].clusters, options["cluster"].n_neighbors) == ("e", 5, 7)
    assert (options["assign"].data, options["assign"].refuse_above) == ("d", 2)
    assert (options["evaluate"].run, options["evaluate"].data, options["evaluate"].shift) == ("r", "d", True)
    exported = options["export"]
    assert (exported.names, exported.transfer, exported.execute) == ("n", "symlink", True)
    assert (options["sweep"].space, options["sweep"].trials) == (("alpha=1:2",), 3)
    assert got["sweep"][1:] == ("dccm", "cpu")


def folder_of(options):
    return absolute_out(usual_out(options, "jule"))


def test_the_run_folder_is_named_after_the_data(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert folder_of(TrainOptions()) == tmp_path / "runs" / "digits-jule-seed0"
    assert folder_of(TrainOptions(data="/x/my photos/", seed=3)) == tmp_path / "runs" / "my-photos-jule-seed3"
    assert folder_of(TrainOptions(data="s3://b/x/*.png")).name == "png-jule-seed0"
    assert folder_of(TrainOptions(out="here")) == tmp_path / "here"


def test_relative_run_folders_of_submitted_jobs_lie_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    home = Path.home() / "raycluster-runs"
    assert folder_of(TrainOptions()) == home / "digits-jule-seed0"
    assert folder_of(TrainOptions(out="mine")) == home / "mine"
    assert folder_of(TrainOptions(out="/data/mine")) == Path("/data/mine")
