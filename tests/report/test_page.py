import re
from dataclasses import replace

import numpy as np

from raycluster.report import arrangement, page
from raycluster.report.page import write_page


def test_a_small_run_is_one_file(content, tmp_path):
    told = []
    write_page(tmp_path, content, told.append)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("png;base64,") == 400
    assert told[0].startswith("writing the page")


def test_a_large_run_has_a_folder_with_the_rest_which_is_replaced_with_the_page(content, tmp_path, monkeypatch):
    monkeypatch.setattr(arrangement, "IN_FULL", 150)
    monkeypatch.setattr(page, "PART", 100)
    asked = []

    def read_pictures(rows, side):
        asked.append((rows.tolist(), side))
        return [b"\xff\xd8" if row % 2 else None for row in rows]

    monkeypatch.setattr(page, "READ_AT_A_TIME", 300)
    write_page(tmp_path, replace(content, read_pictures=read_pictures))
    assert asked == [(list(range(300)), page.LARGE), (list(range(300, 400)), page.LARGE)]  # in the order of the source
    names = {f"{kind}-0000{part}.js" for kind in ("rows", "pictures") for part in range(4)}
    assert {file.name for file in (tmp_path / "report").iterdir()} == names
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("jpeg;base64,") < 150
    token = re.search(r'"token":"(\w+)"', text)[1]
    part = (tmp_path / "report" / "pictures-00003.js").read_text(encoding="utf-8")
    assert part.startswith(f'rayclusterPart("{token}","pictures",3,')
    write_page(tmp_path, replace(content, read_pictures=None))
    assert {file.name for file in (tmp_path / "report").iterdir()} == {f"rows-0000{part}.js" for part in range(4)}
    assert {file.name for file in tmp_path.iterdir()} == {"report", "report.html"}


def test_a_run_of_a_few_rows_without_a_tree_has_a_page(content, tmp_path):
    few = np.arange(3)
    cut = {name: getattr(content, name)[few] for name in ("ids", "vectors", "confidence", "labels")}
    tiny = replace(content, **cut, paths=content.paths[:3], clusters=np.array([0, 2, 2], np.int32), tree=None)
    summary = tiny.summary | {"health": {}, "images": 3, "clusters": 2}
    write_page(tmp_path, replace(tiny, neighbors=None, summary=summary))
    assert "3 images in 2 clusters" in (tmp_path / "report.html").read_text(encoding="utf-8")
