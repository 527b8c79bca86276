"""A fourth method: its own folder, one line of the dictionary, and all commands know it."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray

from raycluster.cli.main import main
from raycluster.methods import METHODS

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def toy(ray_session):
    """The toy method in the dictionary; Ray sends it by value, since it is not installed where its workers are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        patch.setitem(METHODS, "toy", "toy_method")
        import toy_method

        ray.cloudpickle.register_pickle_by_value(toy_method)
        yield toy_method.METHOD
        ray.cloudpickle.unregister_pickle_by_value(toy_method)
        for name in [name for name in sys.modules if name.split(".")[0] == "toy_method"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def toy_run(toy, digits_npz, tmp_path_factory):
    out = tmp_path_factory.mktemp("toy") / "run"
    words = f"train toy --data {digits_npz} --clusters 5 --epochs 3 --out {out}"
    assert main(words.split()) == 0
    return out


@pytest.mark.slow
def test_it_trains_and_is_continued_by_the_same_command(toy_run, digits_npz, capsys):
    assert set(pq.read_table(toy_run / "assignments.parquet")["cluster"].to_pylist()) == set(range(5))
    assert json.loads((toy_run / "config.json").read_text())["identity"]["epochs"] == 3
    capsys.readouterr()
    assert main(f"train toy --data {digits_npz} --clusters 5 --epochs 3 --out {toy_run}".split()) == 0
    assert "finished" in capsys.readouterr().out
    assert main(f"train toy --data {digits_npz} --clusters 5 --epochs 4 --out {toy_run}".split()) == 2


@pytest.mark.slow
def test_it_assigns_the_images_of_its_run_to_their_clusters(toy_run, digits_npz, tmp_path):
    out = tmp_path / "assigned.parquet"
    assert main(f"assign --model {toy_run} --data {digits_npz} --out {out} --refuse-above inf".split()) == 0
    given = pq.read_table(toy_run / "assignments.parquet")["cluster"]
    assert pq.read_table(out)["cluster"].equals(given)


@pytest.mark.slow
def test_it_embeds_what_it_embedded_in_training(toy_run, digits_npz, tmp_path, embed_here):
    assert main(f"embed --model {toy_run} --data {digits_npz} --out {tmp_path / 'vectors'}".split()) == 0
    again, before = (
        np.stack(pq.read_table(folder / "embeddings").sort_by("id")["embedding"].to_numpy(zero_copy_only=False))
        for folder in (tmp_path / "vectors", toy_run)
    )
    np.testing.assert_allclose(again, before, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_it_is_evaluated_also_on_shifted_images(toy_run):
    assert main(f"evaluate --run {toy_run} --shift".split()) == 0
    found = json.loads((toy_run / "evaluation.json").read_text())
    assert set(found["frozen"]) == {"code"}
    assert found["clusterings"] == {}  # it says nothing about other images
    assert {row["factor"] for row in found["shift"]} >= {"rotation", "blur"}


@pytest.mark.slow
def test_it_is_swept_over_its_own_search_space(toy, digits_npz, tmp_path):
    out = tmp_path / "sweep"
    words = f"sweep toy --data {digits_npz} --clusters 5 --trials 2 --fixed epochs=1 --out {out}"
    assert main(words.split()) == 0
    trials = pq.read_table(out / "trials.parquet").to_pylist()
    assert [row["state"] for row in trials] == ["finished", "finished"]
    assert trials[0]["setting.learning_rate"] != trials[1]["setting.learning_rate"]
    assert json.loads((out / "best.json").read_text())["method"] == "toy"


def test_its_flags_are_those_of_its_settings(toy, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["train", "toy", "--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    assert "--learning-rate" in shown
    assert "--unroll-rate" not in shown
