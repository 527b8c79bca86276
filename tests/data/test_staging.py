import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from raycluster.data import staging
from raycluster.data.images import CanvasSettings, open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.staging import stage_images
from raycluster.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Seven images in color, one of them cut off after its header."""
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    for i in range(7):
        Image.fromarray(rng.integers(0, 256, (9, 8, 3), np.uint8)).save(tmp_path / "data" / f"{i}.png")
    broken = tmp_path / "data" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    return tmp_path / "data"


@pytest.mark.parametrize(("color", "files"), [("gray", 1), ("rgb", 3)])
def test_staged_images_are_the_prepared_ones_in_several_files(color, files, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "FILE_BYTES", 3 * 9 * 8 * 3)
    opened = open_images(str(folder), canvas=CanvasSettings(color=color))
    staged, loaded = stage_images(opened, tmp_path / "staged"), load_images(opened)
    assert len(list((tmp_path / "staged").glob("*ubyte"))) == files
    assert (staged.ids.tolist(), staged.rejected) == (loaded.ids.tolist(), loaded.rejected)
    assert staged.fingerprint == loaded.fingerprint
    assert staged.rows.are_arrays
    assert not staged.originals.are_arrays
    shutil.rmtree(folder)
    np.testing.assert_array_equal(load_images(staged).pixels, loaded.pixels)


def test_a_staged_set_is_not_decoded_again_and_another_one_replaces_it(folder, tmp_path, monkeypatch):
    opened = open_images(str(folder))
    staged = stage_images(opened, tmp_path / "staged")
    with monkeypatch.context() as patched:
        patched.setattr(staging, "read_all", None)
        again = stage_images(opened, tmp_path / "staged")
    assert (again.paths, again.rejected, again.warnings) == (staged.paths, staged.rejected, staged.warnings)
    other = stage_images(open_images(str(folder), canvas=CanvasSettings(8)), tmp_path / "staged")
    assert load_images(other).pixels.shape == (6, 3, 8, 8)


def test_what_a_kill_leaves_is_replaced(folder, tmp_path):
    opened = open_images(str(folder))
    expected = load_images(stage_images(opened, tmp_path / "staged")).pixels
    (tmp_path / "staged" / "staged.json").unlink()
    for file in (tmp_path / "staged").glob("*ubyte"):
        file.write_bytes(b"half")
    np.testing.assert_array_equal(load_images(stage_images(opened, tmp_path / "staged")).pixels, expected)
    assert json.loads((tmp_path / "staged" / "staged.json").read_text())["damaged"].keys() == {"3"}


def test_a_disk_that_is_too_small_is_noticed_first(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"take 0\.0 GB, and .* has 0\.0 GB left: make room"):
        stage_images(open_images(str(folder)), tmp_path / "staged")
