import json
import re

import numpy as np
import pytest

from raycluster.clustering.cluster_vectors import cluster_vectors
from raycluster.errors import UserError
from raycluster.options import ClusterOptions, ShowOptions
from raycluster.report.given import given_to
from raycluster.results import show
from raycluster.results.show import show_run
from raycluster.runtime.console import Console


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A clustering of 60 vectors in three groups."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 8), 20, axis=0) + rng.normal(size=(60, 8)) / 20
    source, out = tmp_path_factory.mktemp("vectors") / "v.npy", tmp_path_factory.mktemp("runs") / "three"
    np.save(source, vectors.astype(np.float32))
    cluster_vectors(ClusterOptions(embeddings=str(source), clusters=3, out=str(out)), Console(quiet=True))
    return out


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked to open, on a machine with a screen."""
    addresses = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(show.webbrowser, "open", addresses.append)
    return addresses


@pytest.fixture
def saved(tmp_path):
    """Names as the page saves them."""
    path = tmp_path / "names.json"
    names = {"format": "raycluster names 1", "run": "three", "clusters": 3, "names": {"1": "cats"}, "wrong": []}
    path.write_text(json.dumps(names))
    return path, names


def data_of(page):
    """The data of a page, but what it says of the time, which then includes that of the page."""
    return re.findall(r'id="(tree|columns|rows)">([^<]*)<', page)


def shown(made, **options):
    return show_run(ShowOptions(run=str(made), **options), Console(quiet=True)).read_text(encoding="utf-8")


def test_the_page_is_opened_as_it_is(made, opened):
    before = (made / "report.html").read_bytes()
    shown(made)
    assert opened == [(made / "report.html").as_uri()]
    assert (made / "report.html").read_bytes() == before
    shown(made, browser=False)
    assert len(opened) == 1


def test_without_a_screen_no_browser_takes_over_the_terminal(made, opened, monkeypatch):
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(show.sys, "platform", "linux")
    shown(made)
    assert opened == []


def test_names_and_a_cut_go_into_the_page_and_stay_there(made, saved):
    path, names = saved
    assert given_to(shown(made, names=str(path), browser=False)) == {"names": names, "shown": 3}
    assert given_to(shown(made, clusters=5, browser=False)) == {"names": names, "shown": 5}
    assert given_to(shown(made, browser=False))["shown"] == 5


def test_a_page_that_is_missing_or_older_is_written_as_the_run_wrote_it(made):
    before = data_of((made / "report.html").read_text(encoding="utf-8"))
    (made / "report.html").write_text("<html>an older page</html>")
    assert data_of(shown(made, browser=False)) == before
    (made / "report.html").unlink()
    assert data_of(shown(made, browser=False)) == before


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"names": {"7": "dogs"}}, "names cluster 7"),
        ({"run": "other"}, 'for the run "other"'),
        ({"wrong": [{"id": 99, "path": "v.npy#99"}]}, "id 99"),
        ({"clusters": 4, "names": {"4": "none"}}, "names cluster 4"),
    ],
)
def test_names_of_something_else_are_refused(made, saved, changed, reason):
    path, names = saved
    path.write_text(json.dumps(names | changed))
    with pytest.raises(UserError, match=reason):
        shown(made, names=str(path), browser=False)


def test_a_cut_that_is_not_offered_is_refused_with_the_nearest(made):
    with pytest.raises(UserError, match="choose 60, the nearest"):
        shown(made, clusters=61, browser=False)


def test_a_run_without_a_tree_has_its_own_clusters_only(made, tmp_path, saved):
    run = tmp_path / "three"
    run.mkdir()
    for file in made.iterdir():
        if file.name not in ("merges.parquet", "report.html"):
            (run / file.name).write_bytes(file.read_bytes())
    with pytest.raises(UserError, match="3 and no merge tree"):
        shown(run, clusters=4, browser=False)
    path, names = saved
    path.write_text(json.dumps(names | {"clusters": 4}))
    with pytest.raises(UserError, match="3 and no merge tree"):
        shown(run, names=str(path), browser=False)
