import json
import os

import pandas as pd
import pytest

from raycluster.errors import UserError
from raycluster.options import ExportOptions
from raycluster.results.export import export_run
from raycluster.runtime.console import Console

ARCHIVE = "it is not a file of its own on this machine: --format folders writes one"


@pytest.fixture
def listed(photos_run):
    """Export a list of the run, check what is left out, and return the folder."""

    def export(form, **options):
        out = photos_run.parent / form
        options = {"names": str(photos_run.parent / "names.json")} | options
        export_run(ExportOptions(run=str(photos_run), format=form, out=str(out), **options), Console(quiet=True))
        left_out = pd.read_csv(out / "not-taken.csv", index_col="path")["reason"].to_dict()
        assert left_out == {
            "bad\\xff.png": "its name is not valid UTF-8",
            "t.tar/same.png": ARCHIVE,
            "t.tar/x/y.png": "it is marked as wrong",
            "t.tar/z.png": ARCHIVE,
        }
        return out

    return export


def test_coco_has_a_category_for_each_name_and_a_whole_image_for_each_annotation(listed):
    coco = json.loads((listed("coco") / "coco.json").read_text())
    assert coco["categories"] == [
        {"id": 1, "name": "cluster 0", "supercategory": ""},
        {"id": 2, "name": "dogs", "supercategory": ""},
    ]
    assert [image["file_name"] for image in coco["images"]] == [
        "-rf.png",
        "a/same.png",
        "b/same.png",
        'it\'s "<script>".png',
        "new\nline.png",
    ]
    assert all((image["width"], image["height"]) == (8, 6) for image in coco["images"])
    assert coco["annotations"][4] == {
        "id": 5,
        "image_id": coco["images"][4]["id"],
        "category_id": 2,
        "bbox": [0, 0, 8, 6],
        "area": 48,
        "segmentation": [[0, 0, 8, 0, 8, 6, 0, 6]],
        "iscrowd": 0,
        "cluster": 1,
        "confidence": 0.5,
    }
    assert len({one["image_id"] for one in coco["annotations"]}) == len(coco["annotations"]) == 5


def test_an_image_whose_size_cannot_be_read_is_left_out(photos_run):
    (photos_run.parent / "photos" / "-rf.png").write_bytes(b"broken")
    out = photos_run.parent / "coco"
    export_run(ExportOptions(run=str(photos_run), format="coco", out=str(out)), Console(quiet=True))
    coco = json.loads((out / "coco.json").read_text())
    assert coco["images"][0]["file_name"] == "a/same.png"
    assert len(coco["annotations"]) == 4
    assert "-rf.png" in set(pd.read_csv(out / "not-taken.csv")["path"])


def test_metadata_of_an_imagefolder_names_files_below_it(listed, photos_run):
    table = pd.read_csv(listed("imagefolder") / "metadata.csv")
    assert list(table.columns) == ["file_name", "id", "cluster", "name", "confidence"]
    assert all((photos_run.parent / "photos" / name).exists() for name in table["file_name"])
    assert table["name"].tolist() == ["cluster 0"] * 4 + ["dogs"]


def test_fiftyone_gets_a_path_and_a_classification_for_each_image(listed, photos_run):
    out = listed("fiftyone")
    paths, labels = (json.loads((out / name).read_text()) for name in ("data.json", "labels.json"))
    assert labels["classes"] == ["cluster 0", "dogs"]
    assert set(paths) == set(labels["labels"])
    assert all(os.path.isfile(path) for path in paths.values())
    (key,) = [key for key, path in paths.items() if path.endswith("new\nline.png")]
    assert labels["labels"][key] == {"label": "dogs", "confidence": 0.5, "attributes": {"cluster": 1}}


def test_images_outside_of_the_folder_are_no_part_of_an_imagefolder(photos_run, tmp_path):
    lines = [str(tmp_path / "photos" / "a" / "same.png"), "photos/b/same.png"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    table = pd.DataFrame({"id": [0, 1], "path": lines, "cluster": 0, "confidence": 1.0})
    table.to_parquet(photos_run / "assignments.parquet")
    options = {"run": str(photos_run), "out": str(tmp_path / "hf"), "data": str(tmp_path / "list.txt")}
    export_run(ExportOptions(format="imagefolder", **options), Console(quiet=True))
    assert pd.read_csv(tmp_path / "hf" / "metadata.csv")["file_name"].tolist() == ["photos/b/same.png"]
    left_out = pd.read_csv(tmp_path / "hf" / "not-taken.csv")
    assert left_out["reason"].tolist() == ["it is not below the folder of the images"]


def test_the_same_list_again_is_found_done_and_a_list_of_nothing_is_refused(listed, photos_run, digit_files, capsys):
    listed("fiftyone")
    names, out = str(photos_run.parent / "names.json"), str(photos_run.parent / "fiftyone")
    export_run(ExportOptions(run=str(photos_run), format="fiftyone", out=out, names=names))
    assert "already holds this list" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds another list, which differs in --names"):
        export_run(ExportOptions(run=str(photos_run), format="fiftyone", out=out), Console(quiet=True))
    for path in (photos_run.parent / "photos").rglob("*.png"):
        path.unlink()
    with pytest.raises(UserError, match=r"None of the 9 images can be listed for coco: 6 x there is no image"):
        export_run(ExportOptions(run=str(photos_run), format="coco", out=f"{out}2"), Console(quiet=True))
