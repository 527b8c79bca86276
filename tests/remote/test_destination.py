"""Results behind URIs of a real server of S3."""

import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import raycluster
from raycluster.errors import UserError
from raycluster.methods.jule.settings import JuleSettings
from raycluster.remote import destination
from raycluster.remote import lock as remote_lock
from raycluster.remote.destination import results_at, results_in
from raycluster.remote.run_copy import copy_of
from tests.s3_server import KEY, SECRET, left_here, until
from tests.storage import without_shared_storage

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))  # its files import each other as scripts do

from chaos import differences

N = 120  # digits
QUICK = JuleSettings(epochs_per_period=2, rounds=0)

HOLD = """
import sys, time
from raycluster.remote import lock as remote_lock
from raycluster.remote import uploading
from raycluster.runtime.console import Console
from raycluster.remote.destination import results_in
remote_lock.RENEW_S = 0.3
with results_in(sys.argv[1], Console()) as out:
    out.mkdir()
    (out / "config.json").write_text("{}")
    print("begun", flush=True)
    time.sleep(600)
"""

TRAIN = """
import sys
from pathlib import Path
from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.methods import find_method
from raycluster.methods.jule.settings import JuleSettings
from raycluster.remote import uploading
from raycluster.remote.destination import results_in
from raycluster.runtime.console import Console
from raycluster.training.in_process import train_in_process
from raycluster.training.trainer import TrainingRun
uploading.EVERY_S = 0.5
data, uri = sys.argv[1:]
images = load_images(open_images(data))
settings = JuleSettings(epochs_per_period=30, rounds=0)
with results_in(uri, Console()) as out:
    train_in_process(TrainingRun(find_method("jule"), settings, data, 10, str(out)), images, 1)
"""


def test_a_path_is_itself(tmp_path, monkeypatch, console):
    monkeypatch.chdir(tmp_path)
    for place in (results_in, results_at):
        with place("runs/a", console) as out:
            assert out == tmp_path / "runs" / "a"
    with copy_of("~/runs/a", console) as run:
        assert run == Path.home() / "runs" / "a"


def test_what_is_written_is_uploaded_meanwhile_and_at_the_end_and_nothing_stays_here(s3, tmp_path, console, told):
    with results_in(s3.uri("whole/photos"), console) as out:
        assert out.name == "photos"
        assert not out.exists()
        out.mkdir()
        (out / "config.json").write_text("{}")
        until(lambda: "config.json" in s3.files("whole/photos"))
        assert ".lock" in s3.files("whole/photos")
        (out / "a" / "b").mkdir(parents=True)
        (out / "a" / "b" / "c").write_text("c")
        console.say(f"Results are in {out / 'a'}.")
        (out / "summary.json").write_text("{}")
    assert s3.files("whole/photos") == {"config.json": b"{}", "a/b/c": b"c", "summary.json": b"{}"}
    assert left_here(tmp_path) == []
    assert "Results are in s3://***@bucket/whole/photos/a." in told.getvalue()
    with results_in(s3.uri("whole/photos"), console) as out:
        assert (out / "a" / "b" / "c").read_text() == "c"
        (out / "summary.json").unlink()
    assert "summary.json" not in s3.files("whole/photos")
    with copy_of(s3.uri("whole/photos"), console, only="a/") as run:
        assert [str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()] == ["a/b/c"]
    assert not run.exists()


def test_errors_name_the_address_and_leave_the_work_uploaded(s3, tmp_path, console):
    def work():
        with results_in(s3.uri("failed/run"), console) as out:
            out.mkdir()
            (out / "x").write_text("x")
            raise UserError(f"{out / 'x'} is damaged")

    with pytest.raises(UserError, match=re.escape("s3://***@bucket/failed/run/x is damaged")):
        work()
    assert s3.files("failed/run") == {"x": b"x"}
    assert left_here(tmp_path) == []


@pytest.mark.parametrize(
    ("bucket", "path", "sentence"),
    [
        ("nowhere", "run", r"s3://\*\*\*@nowhere/run cannot be written to \(.*NO_SUCH_BUCKET.*\): check the address"),
        ("bucket", "", r"s3://\*\*\*@bucket/\?.* is a whole bucket: choose a folder in it"),
    ],
)
def test_what_cannot_be_written_to_is_named_before_anything_is_done(s3, tmp_path, console, bucket, path, sentence):
    for place in (results_in, results_at):
        with pytest.raises(UserError, match=sentence) as error, place(s3.uri(path, bucket), console):
            pytest.fail("work has begun")
        assert KEY not in str(error.value)
        assert SECRET not in str(error.value)
    assert left_here(tmp_path) == []


def test_results_are_refused_among_the_images(s3, console):
    data = s3.uri("among/photos")
    with (
        pytest.raises(UserError, match=re.escape("--out s3://***@bucket/among/photos/run is inside --data s3://***@")),
        results_in(s3.uri("among/photos/run"), console, data),
    ):
        pytest.fail("work has begun")
    for source in ("s3://bucket/among/photos", "s3://bucket/among/photos/**/*.jpg"):  # with other credentials
        with pytest.raises(UserError, match="is inside --data"):
            results_in(s3.uri("among/photos/run"), console, source).__enter__()
    with results_in(s3.uri("among/photos2"), console, data):
        pass
    with pytest.raises(UserError, match="file:///a is on this machine: name it by its path, /a"):
        results_in("file:///a", console).__enter__()


def test_a_second_job_is_refused_on_this_machine_and_on_another(s3, tmp_path, console, monkeypatch):
    uri = s3.uri("shared/run")
    other = subprocess.Popen([sys.executable, "-c", HOLD, uri], stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: other.stdout.readline() == "begun\n")
        with pytest.raises(UserError, match="Another job on this machine is working in"), results_in(uri, console):
            pytest.fail("work has begun")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache of another machine"))
        sentence = (
            rf"Another job \(process {other.pid} on .*\) is working in s3://\*\*\*@bucket/shared/run: wait for it"
        )
        with pytest.raises(UserError, match=sentence), results_in(uri, console):
            pytest.fail("work has begun")
    finally:
        other.kill()
        other.wait()
    with results_in(uri, console):  # at once: its process is gone
        pass
    assert ".lock" not in s3.files("shared/run")


def test_a_job_that_has_lost_its_folder_ends_and_leaves_it_to_the_other(s3, tmp_path, console, monkeypatch):
    monkeypatch.setattr(remote_lock, "RENEW_S", 0.05)
    theirs = {"copy": "theirs", "machine": "elsewhere", "space": "", "pid": 7, "renewed": 0}

    def work():
        with results_in(s3.uri("lost/run"), console) as out:
            out.mkdir()
            (out / "a").write_text("1")
            until(lambda: "a" in s3.files("lost/run"))
            for _ in range(1000):
                s3.write("lost/run/.lock", json.dumps(theirs).encode())
                time.sleep(0.05)

    with pytest.raises(UserError, match=r"Another job \(process 7 on elsewhere\) is working in"):
        work()
    files = s3.files("lost/run")
    assert files["a"] == b"1"
    assert json.loads(files[".lock"]) == theirs
    assert left_here(tmp_path) == []


def test_a_file_of_results_is_fetched_and_uploaded_if_it_is_written(s3, console, told):
    uri = s3.uri("tables/a.parquet")
    for text in ("1", "2"):
        with results_at(uri, console) as out:
            assert out.name == "a.parquet"
            assert not out.exists() or out.read_text() == "1"
            out.unlink(missing_ok=True)
            out.write_text(text)
            console.say(f"All rows are in {out}.")
        assert not out.exists()
        assert s3.files("tables") == {"a.parquet": text.encode()}
    assert "All rows are in s3://***@bucket/tables/a.parquet." in told.getvalue()
    with results_at(uri, console):
        pass
    with pytest.raises(UserError, match="is a folder: name a file"), results_at(s3.uri("tables"), console):
        pytest.fail("work has begun")
    assert destination.PATIENCE_S > 60


@pytest.fixture(scope="module")
def trained(s3, ray_session, digits_npz, tmp_path_factory):
    """The URI of a run of two workers on machines that do not share storage, and what the command printed."""
    uri, told = s3.uri("trained"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told), without_shared_storage():
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        raycluster.train(digits_npz, 10, uri, workers=2, settings=QUICK)
    return uri, told.getvalue()


@pytest.mark.slow
def test_a_run_is_all_there_before_that_is_said_and_says_its_address(trained, s3):
    names = s3.files("trained").keys()
    assert {name.split("/")[0] for name in names} == {
        *("assignments.parquet", "checkpoints", "config.json", "embeddings", "merges.parquet", "metrics.jsonl"),
        *("model", "rejected.parquet", "report.html", "summary.json", "tensorboard"),
    }
    assert "Results go to s3://***@bucket/trained\n" in trained[1]
    assert trained[1].splitlines()[-1] == (
        "All results are in s3://***@bucket/trained; open report.html to see the clusters."
    )


@pytest.mark.slow
def test_a_run_of_machines_that_do_not_share_storage_is_that_of_machines_that_do(trained, s3, digits_npz, tmp_path):
    raycluster.train(digits_npz, 10, tmp_path / "seen", workers=2, settings=QUICK)
    for name in (
        "assignments.parquet",
        "merges.parquet",
        *(f"embeddings/part-0000{i}-of-00002.parquet" for i in (0, 1)),
    ):
        assert pq.read_table(io.BytesIO(s3.files("trained")[name])) == pq.read_table(tmp_path / "seen" / name), name
    here = {path.relative_to(tmp_path / "seen").as_posix() for path in (tmp_path / "seen").rglob("*") if path.is_file()}
    unique = re.compile("events.out.*")
    assert {unique.sub("", name) for name in s3.names("trained")} == {unique.sub("", name) for name in here}


@pytest.mark.slow
def test_a_killed_run_continues_on_an_empty_disk_with_the_same_result(s3, digits_npz, tmp_path):
    def start(name, cache):
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / cache)}
        command = [sys.executable, "-c", TRAIN, digits_npz, s3.uri(name)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    assert start("calm", "calm").wait(300) == 0
    begun, delay = re.compile(r"checkpoints/training/\d+/state\.json"), random.uniform(0, 1)
    with start("killed", "first") as first:
        try:
            until(lambda: any(map(begun.fullmatch, s3.names("killed"))) or first.poll() is not None)
            time.sleep(delay)
        finally:
            first.kill()
    assert start("killed", "second").wait(300) == 0, delay
    calm = s3.downloaded("calm", tmp_path / "calm run")
    assert differences(s3.downloaded("killed", tmp_path / "harmed run"), calm) == [], delay
    rows = [json.loads(line) for line in s3.files("killed")["metrics.jsonl"].splitlines()]
    assert [row["continued"] for row in rows if row["kind"] == "start"] == [False, True], delay


@pytest.mark.slow
def test_every_command_reads_and_writes_behind_uris_and_no_secret_gets_out(
    trained, s3, digits_npz, embed_here, tmp_path, capfd
):
    model = trained[0]
    for _ in range(2):
        embedded = raycluster.embed(digits_npz, model=model, out=s3.uri("all/embedded"))
        assigned = raycluster.assign(model, digits_npz, s3.uri("all/assigned.parquet"))
    assert (embedded.images, assigned.images) == (N, N)
    told = capfd.readouterr().out
    assert "s3://***@bucket/all/embedded already holds these embeddings" in told
    assert "All embeddings are in s3://***@bucket/all/embedded/embeddings." in told
    assert "s3://***@bucket/all/assigned.parquet already holds this assignment" in told
    config = json.loads(s3.files("all/embedded")["config.json"])
    assert config["identity"]["model"] == "s3://***@bucket/trained"
    clustered = raycluster.cluster(
        embeddings=s3.uri("all/embedded/embeddings"), clusters=5, out=s3.uri("all/clustered")
    )
    assert (clustered.images, clustered.clusters) == (N, 5)
    csv, arrays = s3.uri("all/run.csv"), s3.uri("all/arrays")
    for _ in range(2):
        assert raycluster.export(model, "numpy", arrays) == "s3://***@bucket/all/arrays"
    assert raycluster.export(model, "csv", csv) == "s3://***@bucket/all/run.csv"
    with pytest.raises(UserError, match=re.escape("s3://***@bucket/all/run.csv already exists")):
        raycluster.export(model, "csv", csv)
    with pytest.raises(UserError, match="behind a URI, images can only be copied"):
        raycluster.export(model, "folders", s3.uri("all/folders"), transfer="symlink")
    with pytest.raises(UserError, match=r"download report\.html"):
        raycluster.show(model)
    files = s3.files("all") | s3.files("trained")
    assert np.load(io.BytesIO(files["arrays/embeddings.npy"])).shape[0] == N
    assert pq.read_table(io.BytesIO(files["assigned.parquet"])).num_rows == N
    assert files["run.csv"].count(b"\n") == N + 1
    captured = capfd.readouterr()
    everything = [*files.values(), captured.out.encode(), captured.err.encode(), told.encode(), trained[1].encode()]
    assert not any(secret.encode() in text for secret in (KEY, SECRET) for text in everything)
    assert left_here(tmp_path) == []
