import numpy as np
import pytest

from raycluster.data.images import open_images
from raycluster.results.assigned import AssignedRows
from raycluster.results.folder_plan import NOT_A_FILE, NameTaker, folder_names, plan_folders
from raycluster.results.originals import Originals


def take(names, marks=("-1", "-2")):
    taker = NameTaker()
    return [taker.take(*name, marks) for name in names], taker.repeated


def test_a_name_is_given_out_once_in_upper_or_lower_case_and_however_accents_are_written():
    assert take([("a", ".png"), ("A", ".PNG"), ("a", ".png"), ("a", ".jpg")]) == (
        ["a.png", "A-1.PNG", "a-2.png", "a.jpg"],
        2,
    )
    assert take([("\u00fc", ".png"), ("u\u0308", ".png")]) == (["\u00fc.png", "u\u0308-1.png"], 1)


def test_a_name_that_may_still_get_a_suffix_is_free_with_any():
    assert take([("7", ".png"), ("7", "")]) == (["7.png", "7-1"], 1)
    assert take([("7", ""), ("7", ".png"), ("7", "")]) == (["7", "7-1.png", "7-2"], 2)


def test_a_name_that_is_too_long_is_shortened_and_stays_text():
    (first, second), _ = take([("ü" * 200, ".png")] * 2)
    assert len(first.encode()) <= 255
    assert first.endswith("ü.png")
    assert second.endswith("ü-1.png")
    (bare,), _ = take([("x" * 300, "")])
    assert len(f"{bare}.jpeg") <= 255


def test_folders_have_the_names_of_clusters_where_file_systems_allow_it():
    names = {0: "cats", 1: "cluster 1", 2: "a/b: <c>?\n", 3: "..", 4: "Cats", 5: "wrong", 6: "cats", 12: "cluster 12"}
    assert folder_names(names) == {
        0: "cats",
        1: "cluster 01",
        2: "a_b_ _c___",
        3: "_",
        4: "Cats (2)",
        5: "wrong (2)",
        6: "cats",
        12: "cluster 12",
    }
    (long,) = folder_names({0: "ü" * 100}).values()
    assert len(long.encode()) <= 100


@pytest.fixture
def rows():
    paths = ["digits#0", "digits#1", "digits#2", "digits#3"]
    clusters = np.array([0, 0, 1, 1], np.int32)
    is_wrong = np.array([False, False, False, True])
    return AssignedRows(np.arange(4), paths, clusters, None, None, {0: "noughts", 1: "cluster 1"}, is_wrong, True)


def test_every_image_is_planned_or_has_a_reason(rows):
    originals = Originals(open_images("digits").originals, np.array([0, 1, -1, 3]), {2: "there is no such image"})
    plan = plan_folders(rows, originals, "copy")
    assert plan.folders == ["noughts", "noughts", "", "wrong"]
    assert plan.files == ["digits#0", "digits#1", "", "digits#3"]
    assert plan.taken.tolist() == [0, 1, 3]
    assert plan.suffix_of(0, ".png") == ".png"
    assert plan.reasons == {2: "there is no such image"}
    said = plan.describe("copy", "out").splitlines()
    assert said[0].startswith("To copy 3 images (")
    assert [line.split() for line in said[1:]] == [["noughts", "2"], ["wrong", "1"]]
    linked = plan_folders(rows, originals, "symlink")
    assert linked.reasons == {0: NOT_A_FILE, 1: NOT_A_FILE, 2: "there is no such image", 3: NOT_A_FILE}


def test_of_many_folders_the_largest_are_named(rows):
    n = 30
    many = AssignedRows(
        np.arange(n),
        [f"digits#{i}" for i in range(n)],
        np.arange(n, dtype=np.int32),
        None,
        None,
        {i: f"cluster {i}" for i in range(n)},
        np.zeros(n, bool),
        False,
    )
    plan = plan_folders(many, Originals(open_images("digits").originals, np.arange(n), {}), "copy")
    said = plan.describe("copy", "out").splitlines()
    assert len(said) == 22
    assert said[-1].split() == ["10", "others", "10"]
