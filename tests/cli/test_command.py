import json
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from raycluster.cli.main import parse
from raycluster.cli.train import TRAIN
from raycluster.cli.tyro_form import build
from raycluster.errors import UserError
from raycluster.methods import METHODS, find_method
from raycluster.methods.jule.settings import PRESETS, JuleSettings
from raycluster.options import TrainOptions


def settings_of(line):
    values = parse(line.split())[1]
    return build(find_method(values["method"]).settings, values)


def options_of(line):
    return build(TrainOptions, parse(line.split())[1])


def test_without_a_method_train_and_sweep_take_jule():
    for line in ("train", "train --data photos/ --clusters auto", "sweep --data photos/ --out o"):
        assert parse(line.split())[1]["method"] == "jule"
    assert settings_of("train") == PRESETS["default"]
    assert options_of("train") == TrainOptions()
    assert settings_of("train --unroll-rate 0.5 --data photos/").unroll_rate == 0.5
    assert not settings_of("train --no-grouped-batches").grouped_batches


def test_flags_override_the_preset():
    line = "train jule --preset paper --unroll-rate 0.2 --clusters 20 --image-size 46 56"
    assert settings_of(line) == replace(PRESETS["paper"], unroll_rate=0.2)
    assert options_of(line) == TrainOptions(clusters=20, image_size=(46, 56))
    assert settings_of("train --preset=paper") == PRESETS["paper"]
    assert settings_of("train --no-join-pieces") == JuleSettings(join_small_components=False)  # its former name
    assert parse(["sweep", "dccm", "--data", "d", "--out", "o", "--preset", "cpu"])[1]["preset"] == "cpu"


def test_flags_override_the_config_file_and_that_overrides_the_preset(tmp_path):
    config = {"preset": "paper", "unroll_rate": 0.3, "negatives": None, "learning_rate": "1e-05", "clusters": 7}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    for line in (f"train --config {path} --unroll-rate 0.4", f"train jule --unroll-rate 0.4 --config {path}"):
        expected = replace(PRESETS["paper"], unroll_rate=0.4, negatives=None, learning_rate=1e-5)
        assert settings_of(line) == expected
        assert options_of(line).clusters == 7


def test_the_config_file_may_name_the_method(tmp_path):
    path = tmp_path / "best.json"
    path.write_text(json.dumps({"method": "concurl", "flip": False, "milestones": [0.5, 0.75]}))
    settings = settings_of(f"train --config {path} --preset cpu")
    assert settings == replace(find_method("concurl").presets["cpu"], flip=False, milestones=(0.5, 0.75))
    with pytest.raises(UserError, match="holds settings of concurl, not of dccm"):
        parse(["train", "dccm", "--config", str(path)])
    path.write_text(json.dumps({"method": "swav"}))
    with pytest.raises(UserError, match="no method 'swav'"):
        parse(["train", "--config", str(path)])


def test_methods_have_flags_with_the_symbols_of_their_papers_and_presets_of_their_own():
    settings = settings_of("train dccm --preset cpu --alpha 1 --mi-places 4 --no-flip")
    assert settings == replace(find_method("dccm").presets["cpu"], alpha=1.0, mi_places=4, flip=False)
    settings = settings_of("train concurl --preset cifar20 --gamma 0.5 --nce-views 2")
    assert settings == replace(find_method("concurl").presets["cifar20"], gamma=0.5, nce_views=2)


def test_help_shows_the_defaults_of_the_preset_and_the_symbols(call):
    shown = call("train jule --preset paper --help")[1]
    for text in ("η, the share of the clusters", "--rounds N", "(default: 0)", "raycluster train jule --data photos/"):
        assert text in shown
    assert "varied by default" in " ".join(call("sweep dccm --help")[1].lower().split())
    assert "  alpha=log:0.5:10\n" in call("sweep dccm --help")[1]


@dataclass(frozen=True)
class ToySettings:
    """Settings of a fourth method."""

    depth: int = 3
    """How deep."""


def test_a_fourth_method_is_a_subcommand_as_soon_as_it_is_registered(monkeypatch, call):
    toy = replace(
        find_method("dccm"), name="toy", summary="Toy: nothing much", settings=ToySettings, search_space=("depth=1:9",)
    )
    toy = replace(toy, presets={"default": ToySettings(), "deep": ToySettings(30)})
    monkeypatch.setitem(sys.modules, "a_toy", SimpleNamespace(METHOD=toy))
    monkeypatch.setitem(METHODS, "toy", "a_toy")
    for name in ("train", "sweep"):
        assert "• toy      Toy: nothing much" in call(f"{name} --help")[1]
    assert settings_of("train toy --preset deep") == ToySettings(30)
    assert settings_of("train toy --depth 4") == ToySettings(4)
    assert "depth=1:9" in call("sweep toy --help")[1]


def test_the_run_gets_what_was_asked_for(monkeypatch, call):
    got = []
    monkeypatch.setattr("raycluster.api.train_with", lambda *arguments: got.append(arguments))
    assert call("train --data photos/ --seed 3 --rounds 0")[0] == 0
    options, method, settings, _ = got[0]
    assert (options, method, settings) == (
        TrainOptions(data="photos/", seed=3),
        "jule",
        JuleSettings(rounds=0),
    )
    assert TRAIN.stopped == "Stopped. The same command continues from the last checkpoint."
