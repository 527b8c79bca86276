"""The page in a real browser: what it shows, what it saves, and what it asks of the network, which is nothing."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from raycluster.data.files.sources import printable
from raycluster.report import arrangement, page
from raycluster.report.given import with_given
from raycluster.report.page import write_page

from .browser import CHROMIUM, DRIVER, Browser
from .conftest import NASTY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no Chromium: apt-get install chromium-driver"),
]
FOUND = "[...document.querySelectorAll('#images .tile')].map(tile => tile.title)"
SET_CUT = "const k = document.getElementById('k'); const typed = document.querySelector('#slider [type=number]');"


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    window = Browser(tmp_path_factory.mktemp("downloads"))
    yield window
    window.driver.quit()


@pytest.fixture(scope="session")
def run(content):
    """Paths as files of such names have them in a run."""
    return replace(content, paths=[printable(path) for path in content.paths])


@pytest.fixture(scope="session")
def small(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    write_page(folder, run)
    return folder / "report.html"


@pytest.fixture(scope="session")
def large(run, tmp_path_factory):
    """A page that holds 100 of 400 images, and loads the others from the folder beside it."""
    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrangement, "IN_FULL", 100)
        patch.setattr(page, "PART", 50)
        write_page(folder, run)
    return folder / "report.html"


@pytest.fixture(autouse=True)
def no_request_leaves_the_machine_and_no_error_is_shown(browser):
    yield
    assert browser.messages() == []
    assert {address.split(":")[0] for address in browser.requests()} <= {"file", "data", "blob", "about"}


def cut_at(browser, number):
    browser.run(f"{SET_CUT} typed.value = {number}; typed.dispatchEvent(new Event('change'))")


def shown_sizes(browser):
    """The sizes of the clusters that are shown, by number."""
    return browser.run(
        "return Object.fromEntries([...document.querySelectorAll('.card')].map(c => "
        "[c.dataset.cluster, parseInt(c.querySelector('.size').textContent)]))"
    )


def view(browser, name):
    browser.run(f"document.querySelector('[data-view={name}]').click()")


def search(browser, text):
    browser.run(
        "const field = document.querySelector('#images input'); field.value = arguments[0];"
        "field.dispatchEvent(new Event('input'))",
        text,
    )


def paths_found(browser):
    return browser.get(FOUND)


def test_the_slider_shows_the_clusters_of_the_tree(browser, small, run):
    browser.open(small)
    assert browser.get("document.querySelector('h1').textContent") == "400 images in 10 clusters"
    for number in (10, 3, 23, 120):
        cut_at(browser, number)
        sizes = np.bincount(run.tree.cut(number))
        assert shown_sizes(browser) == {str(cluster): size for cluster, size in enumerate(sizes.tolist())}
    browser.run(f"{SET_CUT} k.focus(); k.dispatchEvent(new KeyboardEvent('keydown', {{key: 'ArrowLeft'}}))")
    assert len(shown_sizes(browser)) == 119
    browser.run("document.querySelector('.mark.chosen').click()")
    assert len(shown_sizes(browser)) == 10


def test_file_names_stay_text_and_are_found(browser, small, run):
    browser.open(small)
    view(browser, "images")
    browser.until("document.querySelectorAll('#images .tile').length === 200")
    for nasty in NASTY:
        path = printable(nasty)
        part = path.split("\n")[0][:25]
        search(browser, part)
        browser.until(f"{FOUND}.length === 1 && {FOUND}[0] === {json.dumps(path)}")
        browser.run("document.querySelector('#images .tile').click()")
        assert browser.get("document.querySelector('#detail h2').textContent") == path
        assert browser.get("document.querySelector('#detail img').alt") == path
        browser.run("document.getElementById('detail').close()")
    assert "harmed" not in browser.get("document.title")
    assert browser.get("document.querySelectorAll('script').length") == 7  # six of data


def test_filters_find_what_the_tables_hold(browser, small, run):
    browser.open(small)
    view(browser, "images")
    browser.run(
        "const [cluster, label] = document.querySelectorAll('#images select'); cluster.value = 4; label.value = 2;"
        "const low = document.querySelector('#images [type=number]'); low.value = 0.5;"
        "low.dispatchEvent(new Event('change'))"
    )
    wanted = (run.clusters == 4) & (run.labels == 2) & (run.confidence >= 0.5)
    browser.until(f"document.querySelector('#images [role=status]').textContent.startsWith('{wanted.sum()} image')")


def test_an_image_shows_its_neighbors_and_clusters(browser, small, run):
    browser.open(small)
    view(browser, "images")
    search(browser, "/77.png")
    browser.until("document.querySelectorAll('#images .tile').length === 1")
    browser.run("document.querySelector('#images .tile').click()")
    shown = browser.get("[...document.querySelectorAll('#detail .captioned .tile')].map(t => t.title)")
    assert shown == [run.paths[row] for row in run.neighbors[0][77][:10]]
    rows = browser.get(
        "[...document.querySelectorAll('#detail tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    for number, cluster, size in rows:
        labels = run.tree.cut(int(number.split(" ")[0]))
        assert (cluster, size) == (f"Cluster {labels[77]}", str((labels == labels[77]).sum()))


def test_names_and_marks_are_saved_and_loaded_again(browser, small, run):
    browser.open(small)
    cut_at(browser, 12)
    browser.run(
        "const title = document.querySelector('#cluster-3 .title'); title.value = 'Threes <b>, \"x\"';"
        "title.dispatchEvent(new Event('change'));"
        "document.querySelector('#cluster-3 .tile').click()"
    )
    browser.run(
        "document.querySelector('#detail [aria-pressed]').click(); document.getElementById('save-names').click()"
    )
    saved = json.loads(browser.downloaded("digits _run_-names.json"))
    (wrong,) = saved.pop("wrong")
    assert saved == {
        "format": "raycluster names 1",
        "run": "digits <run>",
        "clusters": 12,
        "names": {"3": 'Threes <b>, "x"'},
    }
    row = run.ids.tolist().index(wrong["id"])
    assert wrong["path"] == run.paths[row]
    assert run.tree.cut(12)[row] == 3
    browser.run("document.getElementById('save-csv').click()")
    rows = list(csv.DictReader(io.StringIO(browser.downloaded("digits _run_-12-clusters.csv"), newline="")))
    assert {row["path"] for row in rows} == set(run.paths)
    by_id = {int(row["id"]): row for row in rows}
    assert [int(by_id[number]["cluster"]) for number in run.ids.tolist()] == run.tree.cut(12).tolist()
    assert {row["name"] for row in rows if row["cluster"] == "3"} == {'Threes <b>, "x"'}
    assert [row["id"] for row in rows if row["wrong"]] == [str(wrong["id"])]

    given = small.with_name("given.html")
    given.write_text(
        with_given(small.read_text(encoding="utf-8"), {"names": saved | {"wrong": [wrong]}, "shown": 12}),
        encoding="utf-8",
    )
    browser.open(given)
    browser.until("document.querySelector('#cluster-3 .title')?.value === 'Threes <b>, \"x\"'")
    browser.until("document.querySelectorAll('.tile.wrong').length >= 1")
    cut_at(browser, 10)  # a name stays with its images
    assert browser.get("[...document.querySelectorAll('.title')].filter(t => t.value).length") == int(
        any(np.array_equal(run.tree.cut(12) == 3, run.clusters == cluster) for cluster in range(10))
    )


def test_the_map_finds_the_image_under_the_pointer(browser, small):
    browser.open(small)
    view(browser, "map")
    browser.until("document.querySelector('#map canvas').width > 300")
    browser.until(
        "(() => { const c = document.querySelector('#map canvas'); const box = c.getBoundingClientRect();"
        "for (let x = 0; x < box.width; x += 6) for (let y = 0; y < box.height; y += 6) {"
        "c.dispatchEvent(new PointerEvent('pointermove', {clientX: box.x + x, clientY: box.y + y, pointerId: 1}));"
        "if (!document.getElementById('tip').hidden) return true; } return false; })()"
    )
    assert browser.get("document.querySelector('#tip img') !== null")


def test_a_large_page_loads_the_rest_on_demand(browser, large, run):
    browser.open(large)
    assert [address for address in browser.requests() if "report/" in address] == []
    view(browser, "images")
    browser.until("document.querySelectorAll('#images .tile img').length === 200")
    search(browser, "99.png")
    wanted = sorted(path for path in run.paths if "99.png" in path)
    browser.until(f"document.querySelectorAll('#images .tile img').length === {len(wanted)}")
    assert sorted(paths_found(browser)) == wanted
    assert [address for address in browser.requests() if "report/rows-" in address] != []
    cut_at(browser, 5)
    assert shown_sizes(browser) == {str(c): size for c, size in enumerate(np.bincount(run.tree.cut(5)).tolist())}
