"""The benchmark for GPU machines, on the CPU: nothing of it is lost, and all of it runs."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # its files import each other as scripts do

import gpu  # noqa: E402
from gpu import Options, Section, is_over, print_table, record, rows_of, run_sections, under_way  # noqa: E402


@pytest.fixture
def options(tmp_path):
    """Options of a process that runs sections, for a minute."""
    paths = {"data": tmp_path, "out": tmp_path / "results.jsonl", "runs": tmp_path / "runs"}
    return Options(**paths, device="cpu", tiny=True, until=time.time() + 60, inside=True)


def good(options):
    yield {"what": "speed", "images_per_second": 3.0}


def bad(options):
    yield {"what": "before", "value": 1}
    raise ValueError("no kernel image")


def use(monkeypatch, *sections):
    """Put sections in the place of the real ones, which import torch."""
    module = SimpleNamespace(SECTIONS=sections, prepare=lambda options: None, is_alive=lambda options: True)
    monkeypatch.setitem(sys.modules, "gpu_sections", module)


def states(options, section):
    return [row["state"] for row in rows_of(options.out) if row["section"] == section]


def test_a_mistake_in_a_section_is_recorded_and_the_next_goes_on(options, monkeypatch, capsys):
    use(monkeypatch, Section("bad", bad, 1), Section("good", good, 1))
    run_sections(options)
    assert states(options, "bad") == ["begun", "found", "failed"]
    assert states(options, "good") == ["begun", "found", "done"]
    print_table(rows_of(options.out))
    printed = capsys.readouterr().out
    assert "ValueError: no kernel image" in printed
    assert "images_per_second 3" in printed


def test_a_later_call_runs_only_what_is_missing(options, monkeypatch):
    use(monkeypatch, Section("bad", bad, 1), Section("good", good, 1))
    for _ in range(2):
        run_sections(options)
    assert len(states(options, "good")) == len(states(options, "bad")) == 3
    record(options, {"section": "retry", "state": "retry"})
    run_sections(options)
    assert len(states(options, "good")) == 3
    assert len(states(options, "bad")) == 6


def test_a_section_that_does_not_fit_is_left_for_a_later_call(options, monkeypatch):
    use(monkeypatch, Section("long", good, 1000), Section("good", good, 1))
    run_sections(options)
    assert states(options, "long") == []
    assert states(options, "good")[-1] == "done"


def test_a_training_that_runs_out_of_time_is_not_over(options, monkeypatch):
    def training(options):
        yield {"what": "epoch"}
        raise gpu.OutOfTime

    section = Section("train", training, share=0.5)
    use(monkeypatch, section)
    run_sections(options)
    assert states(options, "train") == ["begun", "found", "stopped"]
    assert not is_over(section, rows_of(options.out))
    assert under_way(rows_of(options.out)) is None


def test_a_line_that_was_cut_off_is_skipped(options):
    record(options, {"section": "good", "state": "begun", "limit": 1})
    with open(options.out, "a") as file:
        file.write('{"section": "goo')
    assert under_way(rows_of(options.out))["section"] == "good"


@pytest.mark.parametrize("dies", ["os._exit(11)", "time.sleep(60)"])
def test_a_section_that_dies_or_hangs_does_not_stop_the_others(options, monkeypatch, tmp_path, dies):
    script = tmp_path / "sections.py"
    script.write_text(
        f"""
import os, sys, time, tyro
from types import SimpleNamespace
sys.path.insert(0, {str(ROOT / "benchmarks")!r})
import gpu
def dies(options):
    {dies}
    yield {{}}
def good(options):
    yield {{"what": "fine"}}
sections = (gpu.Section("dies", dies, 0.5), gpu.Section("good", good, 1))
sys.modules["gpu_sections"] = SimpleNamespace(SECTIONS=sections, prepare=id, is_alive=lambda options: True)
gpu.main(tyro.cli(gpu.Options))
"""
    )
    monkeypatch.setattr(gpu, "__file__", str(script))
    monkeypatch.setattr(gpu, "GRACE", 0.5)
    options.inside = False
    gpu.supervise(options)
    assert states(options, "dies")[-1] == "failed"
    assert states(options, "good")[-1] == "done"


@pytest.mark.slow
def test_sections_of_every_kind_run_on_a_cpu(tmp_path):
    digits = load_digits()
    data = tmp_path / "data"
    data.mkdir()
    images = np.pad((digits.images * 255 / 16).astype(np.uint8), ((0, 0), (4, 4), (4, 4)))
    np.savez(data / "usps.npz", images=images, labels=digits.target)
    command = [sys.executable, "benchmarks/gpu.py", "--data", str(data), "--minutes", "15", "--tiny", "--device", "cpu"]
    command += ["--out", str(tmp_path / "results.jsonl"), "--runs", str(tmp_path / "runs")]
    only = ["machine", "equal", "speed jule", "neighbors", "resume", "operators", "train usps", "embedding"]
    done = subprocess.run([*command, "--only", *only], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    failed = [row for row in rows if row["state"] == "failed"]
    assert failed == []
    done_sections = {row["section"] for row in rows if row["state"] == "done"}
    assert {"equal jule", "equal concurl", "speed jule", "neighbors", "resume", "train usps"} <= done_sections
    assert all(row["as_expected"] for row in rows if "as_expected" in row)
    assert "captured against plain, 5 steps" in done.stdout
