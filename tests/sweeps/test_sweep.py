"""Sweeps on the Ray that the tests share; each trial is a real, small run."""

import importlib.util
import io
import json
import logging
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from raycluster.errors import UserError
from raycluster.options import DEFAULT_OBJECTIVE, SweepOptions
from raycluster.runtime.console import Console
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.sweep import sweep
from tests.storage import without_shared_storage

QUICK = ("epochs_per_period=1", "rounds=0")


def run(digits_npz, out, method="jule", **options):
    told = io.StringIO()
    given = {"clusters": 5, "fixed": QUICK, "space": ("unroll_rate=0.6:0.95", "margin=0.1:0.5"), "trials": 3}
    options = SweepOptions(data=digits_npz, out=str(out), **(given | options))
    return sweep(options, method, console=Console(stream=told, errors=told)), told.getvalue()


@pytest.fixture(scope="module")
def swept(ray_session, digits_npz, tmp_path_factory):
    """A finished sweep of three trials, on machines that do not share storage: its folder, best trial and lines."""
    out = tmp_path_factory.mktemp("sweeps") / "digits"
    space = ("unroll_rate=0.6:0.95", "rotation=0:1")
    with without_shared_storage():
        return out, space, *run(digits_npz, out, space=space, max_concurrent=2)


@pytest.mark.slow
def test_a_sweep_leaves_a_table_the_best_settings_pictures_and_run_folders(swept, digits_npz):
    out, _, best, told = swept
    table = pq.read_table(out / "trials.parquet").to_pydict()
    assert table["state"] == ["finished"] * 3
    assert best["objective"] == max(table["objective"])
    settings = json.loads((out / "best.json").read_text())
    assert settings["unroll_rate"] == best["settings"]["unroll_rate"]
    assert (settings["method"], settings["data"], settings["clusters"]) == ("jule", digits_npz, 5)
    assert (settings["epochs_per_period"], settings["rounds"]) == (1, 0)
    assert (out / "sweep.html").read_text().count("<polyline") == 3
    for number in range(3):
        assert (out / "trials" / f"{number:04d}" / "summary.json").exists()
    assert not (out / "tune").exists()
    assert "3 trials, 2 at a time, 2 cores each" in told
    assert f"The best by {DEFAULT_OBJECTIVE}" in told


@pytest.mark.slow
def test_the_best_trial_has_a_page_with_pictures_and_the_sweep_leads_to_it(swept):
    out, _, best, _ = swept
    pages = list(out.glob("trials/*/report.html"))
    assert pages == [Path(best["folder"]) / "report.html"]
    assert pages[0].read_text(encoding="utf-8").count("png;base64,") == 120
    assert f'"best":"{pages[0].relative_to(out).as_posix()}"' in (out / "sweep.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_first_trial_has_the_settings_of_the_preset(swept):
    config = json.loads((swept[0] / "trials" / "0000" / "config.json").read_text())
    assert (config["identity"]["unroll_rate"], config["identity"]["rotation"]) == (0.9, 10.0)


@pytest.mark.slow
def test_trials_compute_with_no_more_threads_than_they_have_cores(swept):
    for number in range(3):
        rows = (swept[0] / "trials" / f"{number:04d}" / "metrics.jsonl").read_text().splitlines()
        assert json.loads(rows[0])["threads"] <= 2


@pytest.mark.slow
def test_the_same_call_again_keeps_what_is_done_and_more_trials_are_added(swept, digits_npz):
    out, space, best, _ = swept
    before = {path: path.stat().st_mtime_ns for path in (out / "trials").rglob("*") if path.is_file()}
    again, told = run(digits_npz, out, space=space, max_concurrent=2)
    assert again == best
    assert "at a time" not in told
    half_made = out / "trials" / "0003"  # as by a kill before the trial had begun
    half_made.mkdir()
    (half_made / "rejected.parquet").touch()
    _, told = run(digits_npz, out, space=space, max_concurrent=2, trials=4)
    assert "4 trials, 2 at a time, 2 cores each; 3 are done already" in told
    assert pq.read_table(out / "trials.parquet")["state"].to_pylist() == ["finished"] * 4
    assert {path: path.stat().st_mtime_ns for path in before} == before
    _, told = run(digits_npz, out, space=space, trials=2)
    assert "at a time" not in told
    assert "2 finished in" in told


@pytest.mark.slow
def test_other_settings_on_the_same_folder_are_refused_by_name(swept, digits_npz):
    with pytest.raises(UserError, match=f"--objective was {DEFAULT_OBJECTIVE} and is now nmi"):
        run(digits_npz, swept[0], space=swept[1], objective="nmi")


@pytest.mark.slow
def test_the_number_of_clusters_is_searched_for_like_a_setting(ray_session, digits_npz, tmp_path):
    best, told = run(digits_npz, tmp_path, clusters=None, space=("clusters=3:12",), trials=2, max_concurrent=2)
    table = pq.read_table(tmp_path / "trials.parquet").to_pydict()
    assert len(set(table["setting.clusters"])) > 1
    assert table["clusters"] == table["setting.clusters"]
    assert f"Numbers of clusters: {best['clusters']} (highest {DEFAULT_OBJECTIVE}" in told
    assert json.loads((tmp_path / "best.json").read_text())["clusters"] == best["settings"]["clusters"]
    assert json.loads((tmp_path / "config.json").read_text())["identity"]["clusters"] is None


@pytest.mark.slow
def test_a_trial_that_fails_is_tried_once_more_and_does_not_end_the_sweep(
    ray_session, digits_npz, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("ray"), "propagate", True)
    # Each value is good beside those of the preset, both together are not.
    space, fixed = ("small_batch=16,64", "large_batch=40"), ("epochs=1", "repeats=1", "augmentations=1", "mi_places=4")
    _, told = run(digits_npz, tmp_path, "dccm", space=space, fixed=fixed, search="grid", trials=None, max_concurrent=1)
    table = pq.read_table(tmp_path / "trials.parquet").to_pydict()
    assert table["state"] == ["finished", "failed"]
    assert "--small-batch 64: choose at most the large batch, 40" in table["error"][1]
    assert "warning: 1 trial failed" in told
    assert not [record for record in caplog.records if record.name.startswith("ray.tune") and record.exc_info]


@pytest.mark.slow
def test_asha_ends_trials_that_are_behind(ray_session, digits_npz, tmp_path):
    """On machines that do not share storage, so that what is compared has to be passed on."""
    # The rate that trains comes first; with the other, all images look alike after the first epoch.
    space, fixed = ("learning_rate=1e-2,1e9",), ("epochs_per_period=1", "rounds=0", "unroll_rate=0.3")
    grid = {"search": "grid", "trials": None, "scheduler": "asha", "max_concurrent": 1}
    with without_shared_storage():
        run(digits_npz, tmp_path, space=space, fixed=fixed, **grid)
    rows = Ledger(tmp_path).rows()
    assert [row["state"] for row in rows] == ["finished", "stopped"]
    assert (rows[1]["objective"], rows[1]["epochs"]) == (None, 1)
    assert rows[0]["objective"] > 0
    assert [(tmp_path / "trials" / name / "summary.json").exists() for name in ("0000", "0001")] == [True, False]


@pytest.mark.slow
def test_with_population_based_training_bad_trials_go_on_from_good_ones(ray_session, digits_npz, tmp_path):
    space, fixed = ("learning_rate=log:1e-4:1e-1",), ("epochs_per_period=1", "rounds=0", "unroll_rate=0.3")
    # One at a time: they take turns after every look, so that none is at its end before it has been compared.
    run(digits_npz, tmp_path, space=space, fixed=fixed, scheduler="pbt", trials=2, max_concurrent=1)
    ledger = Ledger(tmp_path)
    rows = ledger.rows()
    assert [row["state"] for row in rows] == ["finished"] * 2
    assert [row["settings"] for row in rows] != ledger.plan()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"trials": 0}, "--trials 0: choose at least 1"),
        ({"clusters": None}, "How many clusters are there in .*--clusters K"),
        ({"space": ("unrol_rate=0.1:0.2",)}, "There is no setting 'unrol_rate'"),
        ({"space": ("unroll_rate=0.5:0.5",)}, "the range is empty"),
        ({"space": ("rounds=0,1",)}, "rounds is in --space and in --fixed"),
        ({"objective": "loss"}, "There is no objective 'loss'"),
        ({"max_concurrent": 9}, "--max-concurrent 9, but there are 4 CPU cores: choose at most 4"),
        ({"gpus_per_trial": 1.0}, "there is no GPU here"),
        ({"time_budget": -1.0}, "--time-budget -1.0: choose a number of minutes above 0"),
        ({"time_budget": 0.0}, "--time-budget 0.0: choose a number of minutes above 0"),
        ({"clusters": 1}, "clusters=1: there is nothing to cluster"),
        ({"space": ("clusters=3:9",)}, "clusters is in --space, and --clusters is given"),
        ({"seed": -1}, "--seed -1: choose 0 or more"),
        ({"workers": 5}, "--workers 5, but the cluster has 4 CPU cores|No trial fits on 4 CPU cores"),
        ({"scheduler": "pbt"}, "changes learning rates while it trains"),
        ({"scheduler": "pbt", "search": "optuna"}, "leave out --search optuna|--search optuna needs Optuna"),
        ({"search": "grid"}, "unroll_rate has a range"),
        ({"search": "grid", "space": ("margin=0.1,0.2",)}, "the grid has only 2 combinations"),
        ({"scheduler": "pbt", "clusters": "auto"}, "give --clusters K"),
        ({"scheduler": "asha", "workers": 2}, "leave out --workers"),
        ({"data": "/no/such/folder"}, "no file or folder /no/such/folder"),
    ],
)
def test_bad_calls_end_with_a_sentence_before_anything_is_written(options, sentence, ray_session, digits_npz, tmp_path):
    with pytest.raises(UserError, match=sentence):
        run(options.pop("data", digits_npz), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(importlib.util.find_spec("optuna") is not None, reason="Optuna is installed here")
def test_optuna_is_asked_for_where_it_is_not_installed(digits_npz, tmp_path):
    with pytest.raises(UserError, match="pip install optuna"):
        run(digits_npz, tmp_path / "out", search="optuna")
    assert not (tmp_path / "out").exists()
