import io
import json
import os
import subprocess
import sys
import time

import pandas as pd
import pytest
from PIL import Image

from raycluster.data.images import open_images
from raycluster.errors import UserError
from raycluster.options import ExportOptions
from raycluster.results import export_folders
from raycluster.results.export import export_run
from raycluster.results.placing import copy_file
from raycluster.runtime.console import Console


@pytest.fixture
def folders(photos_run):
    """Export the folders of the run beside it, and return what was said."""

    def export(out="sorted", execute=True, **options):
        told = io.StringIO()
        names = str(photos_run.parent / "names.json")
        options = {"run": str(photos_run), "out": str(photos_run.parent / out), "names": names} | options
        export_run(ExportOptions(format="folders", execute=execute, **options), Console(stream=told, errors=told))
        return told.getvalue()

    return export


def shades(folder):
    """Return the shade of every image below a folder, which says which of the nine it is, by its name."""
    paths = [path for path in folder.rglob("*") if path.suffix == ".png"]
    return {str(path.relative_to(folder)): Image.open(path).getpixel((0, 0)) for path in paths}


def test_every_image_is_in_the_folder_of_its_cluster_under_a_name_of_its_own(folders, photos_run):
    out, images = photos_run.parent / "sorted", open_images(str(photos_run.parent / "photos"))
    folders()
    listed = pd.read_csv(out / "metadata.csv", keep_default_na=False)
    assert listed["path"].tolist() == images.paths
    assert shades(out) == {
        "cluster 0/-rf.png": 5,
        "cluster 0/same.png": 0,
        "cluster 0/same-2.png": 1,
        "cluster 0/bad\\xff.png": 4,
        'cluster 0/it\'s "<script>".png': 3,
        "dogs/new\nline.png": 2,
        "dogs/same.png": 6,
        "wrong/y.png": 7,
        "dogs/z.png": 8,
    }
    assert set(listed["file_name"]) == set(shades(out))
    assert not (out / "not-taken.csv").exists()
    assert listed["name"].tolist() == ["cluster 0"] * 5 + ["dogs"] * 4
    assert listed["file_name"][listed["wrong"]].tolist() == ["wrong/y.png"]


def test_at_first_it_only_says_what_it_would_do(folders, photos_run):
    said = folders(execute=False)
    assert "To copy 9 images (" in said
    assert "in 3 folders of" in said
    assert "1 name would occur twice in a folder" in said
    assert "Nothing has been written so far: the same command with --execute does it." in said
    assert not (photos_run.parent / "sorted").exists()
    assert "3 x it is not a file of its own on this machine" in folders(execute=False, transfer="symlink")


@pytest.mark.parametrize("transfer", ["hardlink", "symlink", "script"])
def test_members_of_archives_are_named_where_only_files_can_be_taken(folders, photos_run, transfer):
    out = photos_run.parent / "sorted"
    folders(transfer=transfer)
    if transfer == "script":
        assert shades(out) == {}
        subprocess.run(["sh", out / "move.sh"], check=True)
        assert shades(photos_run.parent / "photos") == {}
    assert sorted(shades(out).values()) == [0, 1, 2, 3, 4, 5]
    assert len(pd.read_csv(out / "metadata.csv")) == 6
    assert pd.read_csv(out / "not-taken.csv")["path"].tolist() == ["t.tar/same.png", "t.tar/x/y.png", "t.tar/z.png"]


def test_a_second_call_finds_it_done_and_another_one_is_refused(folders, photos_run):
    folders()
    written = (photos_run.parent / "sorted" / "metadata.csv").stat().st_mtime_ns
    for execute in (True, False):
        assert "already holds all of this" in folders(execute=execute)
    assert (photos_run.parent / "sorted" / "metadata.csv").stat().st_mtime_ns == written
    with pytest.raises(UserError, match="holds another folder export, which differs in --transfer"):
        folders(transfer="symlink")
    (photos_run.parent / "mine").mkdir()
    (photos_run.parent / "mine" / "a.txt").touch()
    for execute in (True, False):
        with pytest.raises(UserError, match="already exists and is not one of raycluster's folder exports"):
            folders("mine", execute=execute)


def test_interrupted_it_continues_and_overwrites_nothing(folders, photos_run, monkeypatch):
    out, copied = photos_run.parent / "sorted", []

    def copy_two(source, target):
        if len(copied) == 2:
            raise KeyboardInterrupt
        copy_file(source, target)
        copied.append(target)

    monkeypatch.setitem(export_folders.WAYS, "copy", copy_two)
    with pytest.raises(KeyboardInterrupt):
        folders()
    monkeypatch.setitem(export_folders.WAYS, "copy", copy_file)
    times = [path.stat().st_ctime_ns for path in copied]
    (out / "dogs" / "z.png").write_text("of somebody else")
    said = folders()
    assert [path.stat().st_ctime_ns for path in copied] == times
    assert "another file has its place" in said
    assert (out / "dogs" / "z.png").read_text() == "of somebody else"
    assert len(pd.read_csv(out / "metadata.csv")) == 8
    assert pd.read_csv(out / "not-taken.csv")["path"].tolist() == ["t.tar/z.png"]


@pytest.mark.slow
def test_killed_it_continues_with_the_same_command(photos_run):
    out, photos = photos_run.parent / "sorted", photos_run.parent / "photos"
    many = photos / "many"
    many.mkdir()
    noise = os.urandom(200_000)
    for i in range(400):
        (many / f"{i}.png").write_bytes(noise)
    assigned = pd.DataFrame({"path": [f"many/{i}.png" for i in range(400)], "cluster": 0, "confidence": 1.0})
    assigned.rename_axis("id").reset_index().to_parquet(photos_run / "assignments.parquet")
    command = [sys.executable, "-m", "raycluster", "export", "--run", photos_run, "--format", "folders", "--out", out]
    command.append("--execute")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not out.exists() or len(list(out.glob("*/*.png"))) < 20:
        assert process.poll() in (None, 0)
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert {path.stat().st_size for path in out.glob("*/*")} == {200_000}
    assert len(list(out.glob("*/*"))) == 400
    assert json.loads((out / "raycluster.json").read_text())["summary"] == {"taken": 400, "not taken": 0}


def test_an_image_that_is_gone_or_unreadable_is_named(folders, photos_run):
    (photos_run.parent / "photos" / "-rf.png").unlink()
    said = folders()
    assert "have changed since the run: images are found by their paths" in said
    assert "1 x there is no image of this path" in said
    assert len(shades(photos_run.parent / "sorted")) == 8
    assert pd.read_csv(photos_run.parent / "sorted" / "not-taken.csv")["path"].tolist() == ["-rf.png"]


def test_hard_links_to_another_disk_are_refused_at_once(folders, photos_run):
    if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == os.stat(photos_run).st_dev:
        pytest.skip("there is no other disk")
    with pytest.raises(UserError, match=r"is on another disk than .*: choose --transfer copy or symlink"):
        folders("/dev/shm/raycluster-test", execute=False, transfer="hardlink")


def test_copies_that_do_not_fit_on_the_disk_are_refused_at_once(folders, photos_run, monkeypatch):
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"The images take .* but .* has room for 100 B: make room"):
        folders()
    assert not (photos_run.parent / "sorted").exists()
    folders(transfer="symlink")


def test_the_folder_is_not_among_the_images(folders):
    with pytest.raises(UserError, match="is inside --data"):
        folders("photos/sorted", execute=False)
