import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from raycluster.report.template_files import BASICS, RUN_SCRIPTS, TEMPLATE, fill

ROOT = Path(__file__).parents[2]


def filled(**more):
    contents = dict.fromkeys(("run", "tree", "columns", "rows", "pictures", "charts"), "")
    return fill("page.html", "a <title> & $money", (BASICS, *RUN_SCRIPTS), **contents, **more)


def policy_of(page):
    return re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]


def test_the_policy_allows_the_pages_own_script_and_style_and_no_requests():
    page = filled()
    policy = policy_of(page)
    for kind in ("script", "style"):
        inside = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "file:" not in policy
    assert "http" not in policy
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_only_pages_with_a_folder_load_scripts_from_the_disk():
    assert re.search(r"script-src 'sha256-\S+' 'self' file:;", policy_of(filled(parts=True)))


def test_nothing_is_loaded_and_no_handler_stands_in_the_markup():
    page = filled()
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"https?://|\son\w+=|\sstyle=|src=", markup)
    assert "<title>a &lt;title&gt; &amp; $money</title>" in page


def test_every_script_is_used():
    files = {one.name for one in TEMPLATE.joinpath("js").iterdir()}
    assert files == {BASICS, *RUN_SCRIPTS, "sweep.js"}


@pytest.mark.slow
def test_the_wheel_holds_the_template(tmp_path):
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        tmp_path,
        ROOT,
    ]
    subprocess.run(build, check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if "/template/" in name}
    assert {
        f"raycluster/report/template/{name}" for name in ("page.html", "sweep.html", "style.css", "js/dom.js")
    } <= held
    assert len(held) == 3 + len(list((ROOT / "raycluster/report/template/js").iterdir()))
