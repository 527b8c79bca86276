import json

import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.results.names import read_names

SAVED = {
    "format": "raycluster names 1",
    "run": "photos",
    "clusters": 3,
    "names": {"0": " cats ", "2": "dogs, <b>small</b>\n"},
    "wrong": [{"id": 7, "path": "a/b.jpg"}, {"id": "x1", "path": "c.jpg"}],
}


@pytest.fixture
def saved(tmp_path):
    def save(**changed):
        path = tmp_path / "names.json"
        path.write_text(json.dumps(SAVED | changed))
        return read_names(path)

    return save


def test_names_and_wrong_images_are_read_as_they_were_saved(saved):
    names = saved()
    assert (names.run, names.clusters) == ("photos", 3)
    assert names.names == {0: "cats", 2: "dogs, <b>small</b>"}
    assert names.wrong == {"7": "a/b.jpg", "x1": "c.jpg"}
    assert [names.name(cluster) for cluster in range(3)] == ["cats", "cluster 1", "dogs, <b>small</b>"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"format": "raycluster names 2"}, 'has the format "raycluster names 2", not "raycluster names 1"'),
        ({"run": None}, '"run" is not the name of a folder'),
        ({"clusters": 0}, '"clusters" is not a number of clusters'),
        ({"clusters": True}, '"clusters" is not a number of clusters'),
        ({"names": []}, '"names" is not an object'),
        ({"names": {"-1": "cats"}}, '"-1" in "names" is not the number of a cluster'),
        ({"names": {"01": "cats"}}, '"01" in "names" is not the number of a cluster'),
        ({"names": {"1": " "}}, "the name of cluster 1 is not text"),
        ({"names": {"1": "\ud800"}}, "the name of cluster 1 is not text"),
        ({"wrong": {}}, '"wrong" is not a list'),
        ({"wrong": [{"id": 1.5, "path": "a"}]}, 'an entry of "wrong" does not consist of an id and a path'),
        ({"wrong": [{"id": 1}]}, 'an entry of "wrong" does not consist of an id and a path'),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(saved, changed, reason):
    with pytest.raises(UserError, match="save the names again on the page") as caught:
        saved(**changed)
    assert reason in str(caught.value)


def test_a_file_that_is_no_file_of_names_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_names(tmp_path / "none.json")
    for content, reason in (("[1, 2", "it is not JSON"), ("{}", "is not a file of names"), ("[]", "is not a file of")):
        (tmp_path / "other.json").write_text(content)
        with pytest.raises(UserError, match=reason):
            read_names(tmp_path / "other.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="it is not JSON"):
        read_names(tmp_path / "binary.json")


def test_names_of_another_run_or_of_clusters_that_it_does_not_have_are_refused(saved, tmp_path):
    names = saved()
    names.check(tmp_path / "photos", [0, 1, 2])
    with pytest.raises(UserError, match=r'holds names for the run "photos", not for .*birds'):
        names.check(tmp_path / "birds", [0, 1, 2])
    with pytest.raises(UserError, match="names cluster 2, but there is none of this number among the 2 clusters"):
        names.check(tmp_path / "photos", [0, 1])


def test_a_cluster_cannot_be_called_what_another_one_is_called(saved, tmp_path):
    with pytest.raises(UserError, match='calls cluster 0 "cluster 1": that is another cluster'):
        saved(names={"0": "cluster 1"}).check(tmp_path / "photos", [0, 1, 2])
    saved(names={"1": "cluster 1"}).check(tmp_path / "photos", [0, 1, 2])


def test_images_marked_as_wrong_are_found_by_id_and_path(saved):
    ids, paths = np.array([3, 7], np.int64), ["z.jpg", "a/b.jpg"]
    assert saved(wrong=SAVED["wrong"][:1]).is_wrong(ids, paths).tolist() == [False, True]
    assert saved(wrong=SAVED["wrong"][1:]).is_wrong(np.array(["x0", "x1"], object), ["", "c.jpg"]).tolist() == [0, 1]
    with pytest.raises(UserError, match="marks id x1 as wrong, which the run does not have"):
        saved().is_wrong(ids, paths)
    with pytest.raises(UserError, match=r'marks id 7 as wrong, "a/b.jpg", but in the run it is "y.jpg"'):
        saved(wrong=SAVED["wrong"][:1]).is_wrong(ids, ["z.jpg", "y.jpg"])
